// What the lab computes: losses with their derivatives, surfaces, optimizers. Pure functions,
// without a page. tests/site/test_lab_numbers.py holds each against lossbook's number.
(() => {
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const sigmoid = (z) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));
  const softplus = (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));

  // Losses of one error e = prediction - truth --------------------------------------------

  // Barron's family: b expm1(t) / alpha with t = (alpha / 2) log(1 + (e/s)²/b), which has
  // no hole at alpha = 0 (t / t is 1 there) nor at 2 (b stays above 0).
  function barron(e, { alpha, scale }) {
    const b = Math.max(Math.abs(alpha - 2), 1e-7);
    const logRoot = Math.log1p((e / scale) ** 2 / b) / 2;
    return { b, logRoot, t: alpha * logRoot };
  }
  function logCosh(e) {
    const size = Math.abs(e);
    // cosh e = 1 + 2 sinh²(e/2): no digit of a small error is lost in the 1.
    if (size < 2) return Math.log1p(2 * Math.sinh(size / 2) ** 2);
    return size - Math.LN2 + Math.log1p(Math.exp(-2 * size));
  }

  const regression = {
    mse: { value: (e) => e * e, slope: (e) => 2 * e },
    mae: { value: (e) => Math.abs(e), slope: (e) => Math.sign(e) },
    huber: {
      value: (e, { delta }) => {
        const q = Math.min(Math.abs(e), delta);
        return 0.5 * q * q + delta * (Math.abs(e) - q);
      },
      slope: (e, { delta }) => Math.min(Math.max(e, -delta), delta),
    },
    quantile: {
      value: (e, { q }) => Math.max((1 - q) * e, -q * e),
      slope: (e, { q }) => (e > 0 ? 1 - q : e < 0 ? -q : 0),
    },
    log_cosh: { value: logCosh, slope: (e) => Math.tanh(e) },
    adaptive_robust: {
      value: (e, settings) => {
        const { b, logRoot, t } = barron(e, settings);
        return b * logRoot * (t === 0 ? 1 : Math.expm1(t) / t);
      },
      slope: (e, settings) =>
        (e / settings.scale ** 2) *
        Math.exp((settings.alpha - 2) * barron(e, settings).logRoot),
    },
  };

  // Losses of one logit z and its target y, 0 or 1 ------------------------------------------

  const side = (y) => 2 * y - 1;
  // A loss of the margin m = ±z, as one of target and logit.
  const ofMargin = (value, slope) => ({
    value: (y, z, settings) => value(side(y) * z, settings),
    slope: (y, z, settings) => side(y) * slope(side(y) * z, settings),
  });
  const gap = (m) => Math.max(0, 1 - m);

  const logistic = ofMargin((m) => softplus(-m), (m) => -sigmoid(-m));
  const binary = {
    binary_cross_entropy: logistic,
    focal: ofMargin(
      (m, { gamma }) => sigmoid(-m) ** gamma * softplus(-m),
      (m, { gamma }) =>
        -(sigmoid(-m) ** gamma) * (sigmoid(-m) + gamma * sigmoid(m) * softplus(-m)),
    ),
    hinge: ofMargin(gap, (m) => (m < 1 ? -1 : 0)),
    squared_hinge: ofMargin((m) => gap(m) ** 2, (m) => -2 * gap(m)),
    logistic,
    // The squared error of p = sigmoid(z): with m = ±z it is the square of 1 - p_right.
    mse: ofMargin(
      (m) => sigmoid(-m) ** 2,
      (m) => -2 * sigmoid(-m) ** 2 * sigmoid(m),
    ),
    zero_one: ofMargin((m) => (m > 0 ? 0 : 1), () => 0),
  };

  // Losses of the logits of several classes and the number of the right one ------------------

  function softmax(logits) {
    const top = Math.max(...logits);
    const powers = logits.map((z) => Math.exp(z - top));
    return powers.map((power) => power / sum(powers));
  }
  // -log p of each class; where p nears 1, log1p keeps the digits of what is left.
  function surprises(logits) {
    const top = logits.indexOf(Math.max(...logits));
    const others = logits.filter((_, c) => c !== top).map((z) => Math.exp(z - logits[top]));
    return logits.map((z) => logits[top] - z + Math.log1p(sum(others)));
  }
  const withoutOne = (values, c) => sum(values.filter((_, k) => k !== c));
  // The derivative of log p_y by each logit; 1 - p_y as the sum of the other shares.
  const ofLogShare = (p, y) => p.map((share, c) => (c === y ? withoutOne(p, y) : -share));
  const oneHot = (y, logits) => logits.map((_, c) => Number(c === y));
  const rivalOf = (y, s) => Math.max(...s.filter((_, c) => c !== y));

  function smoothTargets(y, logits, smoothing) {
    return oneHot(y, logits).map((t) => t * (1 - smoothing) + smoothing / logits.length);
  }
  function focalOfClasses(y, logits, gamma) {
    const p = softmax(logits);
    const [wrong, surprise] = [withoutOne(p, y), surprises(logits)[y]];
    const byLogShare = -(wrong ** gamma) * (1 + (gamma * p[y] * surprise) / wrong);
    return { value: wrong ** gamma * surprise, byLogShare, p };
  }
  function hingeSlopes(y, s) {
    if (s[y] - rivalOf(y, s) >= 1) return s.map(() => 0);
    const isRival = s.map((score, c) => c !== y && score === rivalOf(y, s));
    const share = 1 / isRival.filter(Boolean).length;
    return s.map((_, c) => (c === y ? -1 : isRival[c] ? share : 0));
  }
  function mseSlopes(y, logits) {
    const p = softmax(logits);
    const byShare = oneHot(y, logits).map((t, c) => (2 * (p[c] - t)) / p.length);
    return p.map((share, k) =>
      share * sum(byShare.map((slope, c) => slope * (Number(c === k) - p[c]))),
    );
  }

  const multiclass = {
    cross_entropy: {
      value: (y, logits, { smoothing }) => {
        const cost = surprises(logits);
        return sum(smoothTargets(y, logits, smoothing).map((t, c) => (t ? t * cost[c] : 0)));
      },
      slopes: (y, logits, { smoothing }) => {
        const p = softmax(logits);
        if (!smoothing) return ofLogShare(p, y).map((slope) => -slope);
        return smoothTargets(y, logits, smoothing).map((t, c) => p[c] - t);
      },
    },
    sparse_focal: {
      value: (y, logits, { gamma }) => focalOfClasses(y, logits, gamma).value,
      slopes: (y, logits, { gamma }) => {
        const { byLogShare, p } = focalOfClasses(y, logits, gamma);
        return ofLogShare(p, y).map((slope) => byLogShare * slope);
      },
    },
    multiclass_hinge: {
      value: (y, s) => Math.max(0, 1 + rivalOf(y, s) - s[y]),
      slopes: hingeSlopes,
    },
    mse: {
      value: (y, logits) => {
        const p = softmax(logits);
        return sum(oneHot(y, logits).map((t, c) => (p[c] - t) ** 2)) / p.length;
      },
      slopes: mseSlopes,
    },
  };

  // Surfaces over two parameters, with their gradients ------------------------------------

  const bell = (x, y) => Math.exp(-(x * x + y * y) / 8);
  const surfaces = {
    ravine: {
      value: ([x, y]) => 0.5 * (x * x + 25 * y * y),
      gradient: ([x, y]) => [x, 25 * y],
    },
    saddle: {
      value: ([x, y]) => 0.5 * (x * x - y * y) + y ** 4 / 4 + 0.25,
      gradient: ([x, y]) => [x, y ** 3 - y],
    },
    rosenbrock: {
      value: ([x, y]) => (1 - x) ** 2 + 20 * (y - x * x) ** 2,
      gradient: ([x, y]) => [-2 * (1 - x) - 80 * x * (y - x * x), 40 * (y - x * x)],
    },
    hills: {
      value: ([x, y]) => 1 - bell(x, y) * Math.cos(3 * x + 0.5 * y),
      gradient: ([x, y]) => {
        const [b, angle] = [bell(x, y), 3 * x + 0.5 * y];
        return [
          b * ((x / 4) * Math.cos(angle) + 3 * Math.sin(angle)),
          b * ((y / 4) * Math.cos(angle) + 0.5 * Math.sin(angle)),
        ];
      },
    },
  };

  // Optimizers: the step of one parameter p with gradient g, and its memory -------------------

  // Each returns the new p and the new memory; t counts the steps from 1. The formulas are
  // PyTorch's, as lossbook's are by default.
  function adamStep(p, g, { m = 0, v = 0 }, { lr, beta1, beta2, eps }, t) {
    m += (1 - beta1) * (g - m);
    v += (1 - beta2) * (g * g - v);
    const root = Math.sqrt(1 - beta2 ** t);
    const rate = (lr * root) / (1 - beta1 ** t);
    return [p - (rate * m) / (Math.sqrt(v) + eps * root), { m, v }];
  }
  function velocity(g, { v = 0 }, { momentum }) {
    return momentum * v + g;
  }
  const optimizers = {
    gradient_descent: (p, g, memory, { lr }) => [p - lr * g, {}],
    momentum: (p, g, memory, settings) => {
      const v = velocity(g, memory, settings);
      return [p - settings.lr * v, { v }];
    },
    nesterov: (p, g, memory, settings) => {
      const v = velocity(g, memory, settings);
      return [p - settings.lr * (settings.momentum * v + g), { v }];
    },
    adagrad: (p, g, { s = 0 }, { lr }) => {
      s += g * g;
      return [p - (lr * g) / (Math.sqrt(s) + 1e-10), { s }];
    },
    rmsprop: (p, g, { s = 0 }, { lr, rho }) => {
      s = rho * s + (1 - rho) * g * g;
      return [p - (lr * g) / (Math.sqrt(s) + 1e-8), { s }];
    },
    adam: adamStep,
    adamw: (p, g, memory, settings, t) =>
      adamStep((1 - settings.lr * settings.decay) * p, g, memory, settings, t),
  };
  const usual = { momentum: 0.9, rho: 0.99, beta1: 0.9, beta2: 0.999, eps: 1e-8, decay: 0.01 };

  // The points that an optimizer visits, the start first.
  function descend(name, surface, start, given, steps) {
    const settings = { ...usual, ...given };
    const [path, memories] = [[start], start.map(() => ({}))];
    for (let t = 1; t <= steps; t++) {
      const [point, slopes] = [path[t - 1], surfaces[surface].gradient(path[t - 1])];
      path.push(
        point.map((p, i) => {
          const [next, memory] = optimizers[name](p, slopes[i], memories[i], settings, t);
          memories[i] = memory;
          return next;
        }),
      );
    }
    return path;
  }

  globalThis.lab = {
    sum, sigmoid, softmax, regression, binary, multiclass, surfaces, optimizers, descend,
  };
})();
