// The third table: optimizers that start at one place of a surface and race to its bottom.
(() => {
  const { surfaces, descend, plot } = lab;
  const { between, once } = plot;
  const STEPS = 200;
  const RACERS = {
    gradient_descent: ["Gradient descent", "lab-1"],
    momentum: ["Momentum", "lab-2"],
    nesterov: ["Nesterov", "lab-3"],
    adagrad: ["AdaGrad", "lab-4"],
    rmsprop: ["RMSProp", "lab-5"],
    adam: ["Adam", "lab-6"],
    adamw: ["AdamW", "lab-7"],
  };
  // Where each surface is looked at and started on, how its levels lie, and the momentum and
  // rates to begin with, these in the order of the racers.
  const PLACES = {
    ravine: {
      span: [[-4.5, 2], [-2, 2]], start: [-4, 1], bend: 2, momentum: 0.45,
      rates: [0.07, 0.11, 0.05, 0.5, 0.05, 0.2, 0.2],
    },
    saddle: {
      span: [[-1.8, 1.8], [-1.6, 1.6]], start: [1.5, 0.001], bend: 1, momentum: 0.9,
      rates: [0.1, 0.03, 0.03, 0.1, 0.02, 0.05, 0.05],
    },
    rosenbrock: {
      span: [[-1.8, 1.8], [-0.8, 2.2]], start: [-1.2, 1], bend: 4, momentum: 0.9,
      rates: [0.006, 0.003, 0.003, 0.3, 0.02, 0.1, 0.1],
    },
    hills: {
      span: [[-3, 3], [-2.5, 2.5]], start: [0.6, 1.6], bend: 1, momentum: 0.9,
      rates: [0.05, 0.03, 0.03, 0.3, 0.03, 0.1, 0.1],
    },
  };
  const rateOf = (name) => `lr_${name}`;
  const chosen = (state) => Object.entries(RACERS).filter(([name]) => state.racers.includes(name));

  function preset(surface) {
    const { start, rates, momentum } = PLACES[surface];
    const named = Object.keys(RACERS).map((name, i) => [rateOf(name), rates[i]]);
    return { surface, momentum, x: start[0], y: start[1], ...Object.fromEntries(named) };
  }
  const paths = once((state) => {
    const { surface, x, y, momentum, decay } = state;
    const path = (name) =>
      descend(name, surface, [x, y], { lr: state[rateOf(name)], momentum, decay }, STEPS);
    return Object.fromEntries(Object.keys(RACERS).map((name) => [name, path(name)]));
  });
  const pathOf = (name, state) => paths(state)[name];
  const lossAt = (name, state) => surfaces[state.surface].value(pathOf(name, state)[state.step]);

  // Pictures --------------------------------------------------------------------------------

  function levels(height, [xs, ys], bend) {
    const along = ([from, to]) => Array.from({ length: 21 }, (_, i) => from + ((to - from) * i) / 20);
    const highest = Math.max(...along(xs).flatMap((x) => along(ys).map((y) => height([x, y]))));
    return Array.from({ length: 12 }, (_, k) => highest * ((k + 0.4) / 12) ** bend);
  }
  // The ground of a map stays while the racers move.
  let ground = { key: "", drawn: "" };
  function drawGround(f, state) {
    const { value } = surfaces[state.surface];
    const { span, bend } = PLACES[state.surface];
    const key = [state.surface, f.width].join();
    if (ground.key !== key)
      ground = { key, drawn: plot.contours(f, value, levels(value, span, bend), 70) };
    return ground.drawn;
  }
  function map(state, width) {
    const height = Math.round(Math.min(width * 0.8, 360));
    const [x, y] = PLACES[state.surface].span;
    const f = plot.frame({ width, height, x, y, labels: ["first parameter", "second parameter"] });
    const trails = chosen(state).map(([name, [, kind]]) => {
      const path = pathOf(name, state).slice(0, state.step + 1);
      return `<g class="lab-halo">${plot.line(f, path, "")}</g>` + plot.line(f, path, kind) +
        plot.dot(f, path[path.length - 1], 6, `lab-mark ${kind}`);
    });
    const start = [state.x, state.y];
    const move = ([a, b]) => ({
      x: between(x, Math.round(a * 1000) / 1000), y: between(y, Math.round(b * 1000) / 1000),
    });
    return {
      f,
      label: "The surface from above, darker where higher, with the path of each racer",
      still: plot.clip(f, drawGround(f, state)) + plot.axes(f) +
        plot.clip(f, plot.dot(f, start, 8, "lab-chosen") + trails.join("")),
      handles: [{
        label: "The start", at: start, step: 0.05, value: state.x, range: x, move,
        text: `first parameter ${plot.format(state.x)}, second ${plot.format(state.y)}`,
      }],
      click: move,
    };
  }
  function heights(state, width) {
    const height = Math.round(Math.min(width * 0.8, 360));
    const f = plot.frame({
      width, height, x: [0, STEPS], y: [-6, 2], labels: ["step", "log₁₀ of the loss"],
    });
    const { value } = surfaces[state.surface];
    const lines = chosen(state).map(([name, [, kind]]) => {
      const all = pathOf(name, state).map((point, step) => [step, Math.log10(value(point))]);
      const [here, rest] = [all.slice(0, state.step + 1), all.slice(state.step)];
      return `<g class="lab-ahead">${plot.line(f, rest, kind)}</g>` + plot.line(f, here, kind);
    });
    const now = plot.line(f, [[state.step, -6], [state.step, 2]], "lab-faint");
    return {
      f,
      label: "The loss of each racer after each step, on a logarithmic scale",
      still: plot.axes(f) + plot.clip(f, now + lines.join("")),
    };
  }

  // Words, numbers and the clock -----------------------------------------------------------------

  function say(state) {
    const results = chosen(state).map(([name, [title]]) => [lossAt(name, state), title]);
    const order = (loss) => (Number.isFinite(loss) ? loss : Infinity);
    const ranked = results.sort(([a], [b]) => order(a) - order(b));
    const said = ranked.map(([loss, title]) => `${title} ${plot.short(loss)}`).join(", ");
    return `After ${state.step} steps the losses are: ${said || "nobody races"}.`;
  }
  function fill(box, state) {
    for (const row of box.querySelectorAll("[data-racer]"))
      row.querySelector(".lab-number").textContent = plot.short(lossAt(row.dataset.racer, state));
  }

  // Plays from the step that is shown, or from the start; whoever wants no motion sees the end.
  function begin(box, change, current) {
    const button = box.querySelector(".lab-race");
    let runs = false;
    const show = (now) => {
      runs = now;
      button.textContent = runs ? "Pause" : "Race";
    };
    function tick(before, time) {
      if (!runs) return;
      const due = Math.floor((time - before) / 33);
      const step = Math.min(current().step + due, STEPS);
      if (due) change({ step });
      if (step === STEPS) return show(false);
      requestAnimationFrame((next) => tick(before + due * 33, next));
    }
    button.addEventListener("click", () => {
      show(!runs);
      if (!runs) return;
      if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
        show(false);
        return change({ step: STEPS });
      }
      if (current().step === STEPS) change({ step: 0 });
      requestAnimationFrame((time) => tick(time, time));
    });
  }

  lab.race = {
    name: "race",
    defaults: {
      ...preset("ravine"), racers: ["gradient_descent", "momentum", "adam"], step: 40,
      decay: 0.01,
    },
    // Another surface has another start and other rates that suit it.
    preset: ({ surface }) => (Object.hasOwn(PLACES, surface) ? preset(surface) : {}),
    panels: [map, heights],
    parameters: (state) => [
      "racers",
      ...(state.racers.some((name) => ["momentum", "nesterov"].includes(name)) ? ["momentum"] : []),
      ...(state.racers.includes("adamw") ? ["decay"] : []),
    ],
    mend: (state) => ({
      ...state,
      step: between([0, STEPS], Math.round(state.step)),
      x: between(PLACES[state.surface]?.span[0] ?? [0, 0], state.x),
      y: between(PLACES[state.surface]?.span[1] ?? [0, 0], state.y),
    }),
    say,
    fill,
    begin,
  };
})();
