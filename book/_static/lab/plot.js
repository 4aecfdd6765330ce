// Plots as SVG text: a function of numbers, so that the page draws with it while a reader plays
// and the build draws the first picture with it (book/_ext/lab.js). Colours come from lab.css.
(() => {
  const between = ([low, high], value) => Math.min(Math.max(value, low), high);
  // What `of` makes of a state, computed once: a state never changes, another takes its place.
  function once(of) {
    const known = new WeakMap();
    return (state) => {
      if (!known.has(state)) known.set(state, of(state));
      return known.get(state);
    };
  }

  const MARGIN = { left: 44, right: 16, top: 10, bottom: 40 };
  const px = (value) => Math.round(value * 10) / 10;
  const FAR = 1e5;
  const near = (pixel) => Math.min(Math.max(pixel, -FAR), FAR);
  const minus = (text) => text.replace("-", "−");
  const format = (value, digits = 2) => minus(value.toFixed(digits).replace(/^-(0\.?0*)$/, "$1"));
  // Three digits that count; small and large ones with a power of ten.
  function short(value) {
    if (Number.isNaN(value)) return "not a number";
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
    if (value === 0) return "0";
    const size = Math.abs(value);
    if (size >= 1e-3 && size < 1e4) return minus(String(Number(value.toPrecision(3))));
    const [mantissa, power] = value.toExponential(1).split("e");
    return `${minus(mantissa)} · 10${superscript(Number(power))}`;
  }
  const superscript = (number) =>
    [...String(number)].map((sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)]).join("");

  // A plot of some width and height whose axes reach from x[0] to x[1] and y[0] to y[1].
  // A bare one has no axes, and no room for them.
  function frame({ width, height, x, y, labels, bare = false }) {
    const margin = bare ? { left: 0, right: 0, top: 0, bottom: 0 } : MARGIN;
    const inner = {
      left: margin.left,
      top: margin.top,
      width: width - margin.left - margin.right,
      height: height - margin.top - margin.bottom,
    };
    const [xs, ys] = [inner.width / (x[1] - x[0]), inner.height / (y[1] - y[0])];
    return {
      width, height, x, y, labels, inner,
      toX: (value) => inner.left + (value - x[0]) * xs,
      toY: (value) => inner.top + (y[1] - value) * ys,
      fromX: (pixel) => x[0] + (pixel - inner.left) / xs,
      fromY: (pixel) => y[1] - (pixel - inner.top) / ys,
    };
  }

  function ticks(f, axis) {
    const along = axis === "x" ? f.inner.width / 70 : f.inner.height / 45;
    return d3.ticks(...f[axis], Math.max(2, Math.round(along)));
  }
  const label = (value) => minus(String(Number(value.toPrecision(6))));

  function axes(f) {
    const { left, top, width, height } = f.inner;
    const [right, bottom] = [left + width, top + height];
    const down = ticks(f, "x").map((tick) => {
      const x = px(f.toX(tick));
      return `<path class="lab-grid" d="M${x} ${top}V${bottom}"/>
        <text x="${x}" y="${bottom + 16}" text-anchor="middle">${label(tick)}</text>`;
    });
    const across = ticks(f, "y").map((tick) => {
      const y = px(f.toY(tick));
      return `<path class="lab-grid" d="M${left} ${y}H${right}"/>
        <text x="${left - 6}" y="${y + 4}" text-anchor="end">${label(tick)}</text>`;
    });
    const [x, y] = [left + width / 2, top + height / 2];
    return `${down.join("")}${across.join("")}
      <text x="${x}" y="${f.height - 6}" text-anchor="middle">${f.labels[0]}</text>
      <text transform="translate(12 ${y}) rotate(-90)" text-anchor="middle">${f.labels[1]}</text>`;
  }

  // What is drawn inside the axes, cut off at their edges.
  function clip(f, content) {
    const { left, top, width, height } = f.inner;
    const box = [left, top, width, height].join(" ");
    return `<svg x="${left}" y="${top}" width="${width}" height="${height}" viewBox="${box}">
      ${content}</svg>`;
  }

  const isDrawn = ([x, y]) => Number.isFinite(x) && Number.isFinite(y);
  function line(f, points, kind) {
    const ends = points.filter(isDrawn);
    const d = ends.map(([x, y]) => `${px(near(f.toX(x)))} ${px(near(f.toY(y)))}`).join("L");
    return d && `<path class="lab-line ${kind}" d="M${d}"/>`;
  }
  function curve(f, height, kind, count = 200) {
    const step = (f.x[1] - f.x[0]) / count;
    const xs = Array.from({ length: count + 1 }, (_, i) => f.x[0] + i * step);
    return line(f, xs.map((x) => [x, height(x)]), kind);
  }
  const dot = (f, [x, y], radius, kind) =>
    `<circle class="${kind}" cx="${px(near(f.toX(x)))}" cy="${px(near(f.toY(y)))}" r="${radius}"/>`;

  // An upright arrow from one height to another; its head is never longer than itself.
  function arrow(f, x, from, to, kind) {
    const [left, start, end] = [f.toX(x), f.toY(from), near(f.toY(to))].map(px);
    const head = Math.sign(start - end) * Math.min(7, Math.abs(end - start));
    return `<path class="lab-arrow ${kind}"
      d="M${left} ${start}V${end}m-4 ${px(head)}l4 ${px(-head)}l4 ${px(head)}"/>`;
  }

  // The heights of a surface on a grid, row by row from the top, as d3-contour reads them.
  function grid(f, height, count) {
    const at = ([from, to], i) => from + ((to - from) * i) / (count - 1);
    return Array.from({ length: count * count }, (_, i) =>
      height([at(f.x, i % count), at([f.y[1], f.y[0]], Math.floor(i / count))]),
    );
  }
  // Regions above each level, laid over each other: the higher, the darker.
  function contours(f, height, levels, count = 56) {
    const regions = d3.contours().size([count, count]).thresholds(levels)(grid(f, height, count));
    // d3-contour has the value of a cell in the cell's middle.
    const place = ([i, j]) => [
      f.inner.left + ((i - 0.5) / (count - 1)) * f.inner.width,
      f.inner.top + ((j - 0.5) / (count - 1)) * f.inner.height,
    ];
    const ring = (points) => `M${points.map((p) => place(p).map(px).join(" ")).join("L")}Z`;
    return regions
      .map(({ coordinates }) => coordinates.flat().map(ring).join(""))
      .map((d) => `<path class="lab-level" d="${d}"/>`)
      .join("");
  }

  // Give a picture to an SVG element that holds a place for it.
  function show(svg, { f, still }) {
    svg.setAttribute("viewBox", `0 0 ${f.width} ${f.height}`);
    svg.setAttribute("width", f.width);
    svg.setAttribute("height", f.height);
    svg.querySelector(".lab-still").innerHTML = still;
  }

  lab.plot = {
    between, once, frame, axes, clip, line, curve, dot, arrow, contours, show, format, short,
  };
})();
