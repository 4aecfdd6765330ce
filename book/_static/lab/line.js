// The first table: points to drag, a line fitted to them, and the loss over all lines.
(() => {
  const { sum, regression, plot } = lab;
  const { between, once } = plot;
  const X = [-5.5, 5.5];
  const Y = [-7, 9];
  const SLOPES = [-2, 3];
  const HEIGHTS = [-6, 7];
  const LONGEST = 3.5;
  const POINTS = [
    [-5, -2.4], [-4, -1], [-3, -1.2], [-2, 0.3], [-1, 0], [0, 1.3], [1, 1.2], [2, 2.6],
    [3, 2.4], [4.5, -5.5],
  ];
  const PARAMETERS = {
    huber: ["delta"], quantile: ["q"], adaptive_robust: ["alpha", "scale"],
  };
  const NAMES = {
    mse: "Squared error", mae: "Absolute error", huber: "Huber", quantile: "Quantile",
    log_cosh: "Log-cosh", adaptive_robust: "Adaptive robust",
  };

  const error = ([slope, height], [x, y]) => height + slope * x - y;
  const meanLoss = (state, line) =>
    sum(state.points.map((point) => regression[state.loss].value(error(line, point), state))) /
    state.points.length;
  // A point that the line goes through does not pull; rounding would give it a side.
  function pull(state, line, point) {
    const e = error(line, point);
    return Math.abs(e) < 1e-9 ? 0 : -regression[state.loss].slope(e, state);
  }

  // The line of least squares, each point counted with a weight.
  function leastSquares(points, weights) {
    const total = sum(weights);
    const mean = (of) => sum(points.map((point, i) => weights[i] * of(point))) / total;
    const [mx, my] = [mean(([x]) => x), mean(([, y]) => y)];
    const spread = mean(([x]) => (x - mx) ** 2);
    const slope = spread < 1e-12 ? 0 : mean(([x, y]) => (x - mx) * (y - my)) / spread;
    return [slope, my - slope * mx];
  }
  // Least squares again and again: a point weighs its slope over its error, as it stands.
  function reweight(state, start) {
    let line = start;
    for (let round = 0; round < 1000; round++) {
      const weights = state.points.map((point) => {
        const e = Math.max(Math.abs(error(line, point)), 1e-9);
        return regression[state.loss].slope(e, state) / e;
      });
      const next = leastSquares(state.points, weights);
      const isSettled = Math.hypot(next[0] - line[0], next[1] - line[1]) < 1e-12;
      line = next;
      if (isSettled) break;
    }
    return line;
  }
  function linesThroughTwo(points) {
    return points.flatMap(([x, y], i) =>
      points
        .slice(i + 1)
        .filter(([other]) => other !== x)
        .map(([x2, y2]) => (y2 - y) / (x2 - x))
        .map((slope) => [slope, y - slope * x]),
    );
  }
  // The lowest line. Under the absolute and the quantile loss one through two points is
  // lowest. Elsewhere such lines are good places to start from: a loss that flattens far
  // out has more than one valley.
  const fit = once((state) => {
    const even = leastSquares(state.points, state.points.map(() => 1));
    if (state.loss === "mse") return even;
    const loss = (line) => meanLoss(state, line);
    const lowest = (lines) => lines.reduce((a, b) => (loss(b) < loss(a) ? b : a));
    const start = lowest([even, ...linesThroughTwo(state.points)]);
    if (state.loss === "mae" || state.loss === "quantile") return start;
    return lowest([start, reweight(state, start), reweight(state, even)]);
  });

  const lineOf = (state) => (state.follow ? fit(state) : [state.slope, state.intercept]);
  const hundredths = (value) => Math.round(value * 100) / 100;

  // Pictures --------------------------------------------------------------------------------

  const ends = ([slope, height]) => X.map((x) => [x, height + slope * x]);
  // As long as the pulls are strong; the longest is always the same.
  function arrows(state, f, line) {
    const pulls = state.points.map((point) => pull(state, line, point));
    const strongest = Math.max(...pulls.map(Math.abs));
    if (strongest < 1e-9) return [];
    return state.points.map(([x], i) => {
      const foot = line[1] + line[0] * x;
      return plot.arrow(f, x, foot, foot + (LONGEST * pulls[i]) / strongest, "lab-pull");
    });
  }
  function pointsPicture(state, width) {
    const height = Math.round(Math.min(width * 0.8, 360));
    const f = plot.frame({ width, height, x: X, y: Y, labels: ["x", "y"] });
    const line = lineOf(state);
    const squares = leastSquares(state.points, state.points.map(() => 1));
    const dots = state.points.map((point) => plot.dot(f, point, 7, "lab-point"));
    return {
      f,
      label: "Points, a line, and the pull of each point on the line as an arrow",
      still:
        plot.axes(f) +
        plot.clip(
          f,
          plot.line(f, ends(squares), "lab-faint") + plot.line(f, ends(line), "lab-1") +
            dots.join("") + arrows(state, f, line).join(""),
        ),
      handles: state.points.map((point, i) => pointHandle(state, line, point, i)),
    };
  }

  function pointHandle(state, line, point, i) {
    const [e, p] = [-error(line, point), pull(state, line, point)];
    return {
      label: `Point ${i + 1}`,
      at: point,
      step: 0.1,
      value: point[1],
      range: Y,
      text: `x ${plot.format(point[0])}, y ${plot.format(point[1])}, ` +
        `${plot.format(e)} above the line, pull ${plot.format(p)}`,
      move: ([x, y]) => {
        const moved = [between(X, hundredths(x)), between(Y, hundredths(y))];
        return { points: state.points.map((other, k) => (k === i ? moved : other)) };
      },
    };
  }

  function levels(state, lowest) {
    const corners = SLOPES.flatMap((slope) => HEIGHTS.map((height) => [slope, height]));
    const highest = Math.max(...corners.map((corner) => meanLoss(state, corner)));
    return Array.from({ length: 11 }, (_, k) => lowest + (highest - lowest) * ((k + 0.35) / 11) ** 2);
  }
  function surfacePicture(state, width) {
    const height = Math.round(Math.min(width * 0.8, 360));
    const labels = ["slope", "intercept"];
    const f = plot.frame({ width, height, x: SLOPES, y: HEIGHTS, labels });
    const [line, best] = [lineOf(state), fit(state)];
    const loss = (at) => meanLoss(state, at);
    const move = ([slope, intercept]) => ({
      follow: false,
      slope: between(SLOPES, hundredths(slope)),
      intercept: between(HEIGHTS, hundredths(intercept)),
    });
    return {
      f,
      label: "The mean loss of every line: slope to the right, intercept upwards, darker where higher",
      still:
        plot.clip(f, plot.contours(f, loss, levels(state, loss(best)))) + plot.axes(f) +
        plot.clip(f, plot.dot(f, best, 4, "lab-lowest") + plot.dot(f, line, 8, "lab-chosen")),
      handles: [{
        label: "The line",
        at: line,
        step: 0.05,
        value: line[0],
        range: SLOPES,
        text: `slope ${plot.format(line[0])}, intercept ${plot.format(line[1])}, ` +
          `mean loss ${plot.short(loss(line))}`,
        move,
      }],
      click: move,
    };
  }

  // Words ------------------------------------------------------------------------------------

  function strongest(pulls) {
    const most = Math.max(...pulls);
    const first = pulls.flatMap((each, i) => (each > most - 1e-9 ? [i + 1] : []));
    const share = `${plot.format((100 * most) / sum(pulls), 0)} % of all the pull`;
    if (most < 1e-9) return "No point pulls.";
    if (first.length === 1) return `Point ${first[0]} pulls hardest, with ${share}.`;
    return `Points ${first.join(", ")} pull hardest, each with ${share}.`;
  }
  function say(state) {
    const line = lineOf(state);
    const [slope, height] = line.map((part) => plot.format(part));
    const whose = state.follow ? "The best line" : "Your line";
    return `${NAMES[state.loss]}. ${whose} has slope ${slope} and intercept ${height}; ` +
      `its mean loss is ${plot.short(meanLoss(state, line))}. ` +
      strongest(state.points.map((point) => Math.abs(pull(state, line, point))));
  }

  lab.line = {
    fit,
    name: "line",
    defaults: {
      loss: "mse", delta: 1, q: 0.5, alpha: 0, scale: 1, follow: true, slope: 0.6,
      intercept: 1, points: POINTS,
    },
    panels: [pointsPicture, surfacePicture],
    parameters: (state) => PARAMETERS[state.loss] ?? [],
    // A list from an address: as many points as fit, inside the axes.
    mend: (state) => ({
      ...state,
      points: state.points.length < 2 ? POINTS
        : state.points.slice(0, 20).map(([x, y]) => [between(X, x), between(Y, y)]),
      slope: between(SLOPES, state.slope),
      intercept: between(HEIGHTS, state.intercept),
    }),
    say,
  };
})();
