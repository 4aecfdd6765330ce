// The second table: what every loss says of one logit, or of the logits of three classes.
(() => {
  const { sigmoid, softmax, binary, multiclass, plot } = lab;
  const Z = [-6, 6];
  const KINDS = {
    two: {
      binary_cross_entropy: ["Binary cross-entropy", "lab-1"],
      focal: ["Focal", "lab-2"],
      hinge: ["Hinge", "lab-3"],
      squared_hinge: ["Squared hinge", "lab-4"],
      mse: ["Squared error of p", "lab-5"],
      logistic: ["Logistic", "lab-6"],
      zero_one: ["Zero-one", "lab-7"],
    },
    three: {
      cross_entropy: ["Cross-entropy", "lab-1"],
      sparse_focal: ["Focal", "lab-2"],
      multiclass_hinge: ["Multiclass hinge", "lab-3"],
      mse: ["Squared error of p", "lab-5"],
    },
  };
  const isTwo = (state) => state.kind === "two";
  const logitsOf = (state) => [state.z1, state.z2, state.z3];

  // The value of a loss, and its derivative by each logit.
  function ofTwo(name, state) {
    const { value, slope } = binary[name];
    return [value(state.target, state.z, state), [slope(state.target, state.z, state)]];
  }
  function ofThree(name, state) {
    const [{ value, slopes }, z] = [multiclass[name], logitsOf(state)];
    return [value(state.right - 1, z, state), slopes(state.right - 1, z, state)];
  }
  const look = (name, state) => (isTwo(state) ? ofTwo : ofThree)(name, state);

  // The logit along which the curves run, and a state where it stands elsewhere.
  const moved = (state) => (isTwo(state) ? "z" : `z${state.moved}`);
  const at = (state, z) => ({ ...state, [moved(state)]: z });
  const slopeOf = (slopes, state) => slopes[isTwo(state) ? 0 : state.moved - 1];
  const chosen = (state) =>
    Object.entries(KINDS[state.kind]).filter(([name]) => state.losses.includes(name));

  // Pictures --------------------------------------------------------------------------------

  function picture(state, width, { y, title, of }) {
    const height = Math.round(Math.min(width * 0.8, 340));
    const along = isTwo(state) ? "logit z" : `logit of class ${state.moved}`;
    const f = plot.frame({ width, height, x: Z, y, labels: [along, title] });
    const z = state[moved(state)];
    const curves = chosen(state).map(([name, [, kind]]) =>
      plot.curve(f, (x) => of(look(name, at(state, x)), state), kind));
    const dots = chosen(state).map(([name, [, kind]]) =>
      plot.dot(f, [z, of(look(name, state), state)], 5, `lab-mark ${kind}`));
    const cursor = plot.line(f, [[z, y[0]], [z, y[1]]], "lab-faint");
    const move = ([x]) => ({ [moved(state)]: plot.between(Z, Math.round(x * 100) / 100) });
    const knob = {
      label: `The ${along}, ${title}`, at: [z, y[0]], step: 0.1, value: z, range: Z,
      text: plot.format(z), move,
    };
    return {
      f,
      label: `The ${title} of the chosen losses along the ${along}`,
      still: plot.axes(f) +
        plot.clip(f, cursor + curves.join("") + dots.join("")) +
        plot.dot(f, [z, y[0]], 8, "lab-chosen"),
      handles: [knob],
      click: move,
    };
  }
  const values = (state, width) =>
    picture(state, width, { y: [-0.25, 6], title: "loss", of: ([value]) => value });
  const slopes = (state, width) =>
    picture(state, width, {
      y: [-2.5, 2.5], title: "derivative", of: ([, all]) => slopeOf(all, state),
    });

  // Words and numbers ---------------------------------------------------------------------------

  function shares(state) {
    if (!isTwo(state)) {
      const p = softmax(logitsOf(state)).map((share) => plot.format(share));
      return `The three classes get ${p.join(", ")}; class ${state.right} is right. `;
    }
    return `The logit ${plot.format(state.z)} gives p = ${plot.format(sigmoid(state.z), 3)}; ` +
      `the truth is ${state.target}. `;
  }
  function say(state) {
    const costs = chosen(state).map(([name, [title]]) => {
      const [value, all] = look(name, state);
      return `${title} ${plot.short(value)}, derivative ${plot.short(slopeOf(all, state))}`;
    });
    return shares(state) + (costs.length ? `${costs.join("; ")}.` : "No loss is chosen.");
  }
  function fill(box, state) {
    for (const row of box.querySelectorAll(`[data-when=${state.kind}] [data-loss]`)) {
      const [value, all] = look(row.dataset.loss, state);
      const cells = row.querySelectorAll(".lab-number");
      [value, ...all].forEach((number, i) => (cells[i].textContent = plot.short(number)));
    }
  }

  lab.logits = {
    look,
    name: "logits",
    defaults: {
      kind: "two", target: 1, z: -2, right: 1, z1: 0, z2: 1, z3: -1, moved: 1,
      losses: ["binary_cross_entropy", "cross_entropy", "hinge", "multiclass_hinge", "mse"],
      gamma: 2, smoothing: 0,
    },
    panels: [values, slopes],
    parameters: (state) => [state.kind, ...(isTwo(state) ? [] : ["smoothing"])],
    mend: (state) => state,
    say,
    fill,
  };
})();
