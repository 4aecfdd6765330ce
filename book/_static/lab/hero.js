// The picture of the first page: one point falls, and two losses answer. It plays once by
// itself, for less than five seconds, and again when asked; whoever wants no motion sees its end.
(() => {
  const { line, plot } = lab;
  const SECONDS = 4;
  const [HIGH, LOW] = [3.2, -6.5];
  const LINES = [["mse", "squared error", "lab-2"], ["mae", "absolute error", "lab-1"]];

  // The points when the last one has fallen a part of its way.
  function fallen(part) {
    const points = line.defaults.points.slice(0, -1);
    return [...points, [4.5, HIGH + (LOW - HIGH) * part]];
  }
  const fits = (part) =>
    LINES.map(([loss]) => line.fit({ ...line.defaults, loss, points: fallen(part) }));

  function picture(part, width) {
    const [height, x] = [Math.round(Math.max(width * 0.36, 210)), [-5.6, 5.6]];
    const f = plot.frame({ width, height, x, y: [-8, 6], bare: true });
    const lines = fits(part).map(([slope, intercept], i) => {
      const [, name, kind] = LINES[i];
      const ends = x.map((end) => [end, intercept + slope * end]);
      // The names stand at the top left, where at no time a line or a point comes by.
      const y = 20 + 22 * i;
      return plot.line(f, ends, kind) +
        `<path class="lab-line ${kind}" d="M8 ${y - 5}h32"/>` +
        `<text class="lab-name ${kind}" x="48" y="${y}">${name}</text>`;
    });
    const points = fallen(part);
    const dots = points.slice(0, -1).map((point) => plot.dot(f, point, 6, "lab-point"));
    dots.push(plot.dot(f, points.at(-1), 9, "lab-fallen"));
    return {
      f,
      label: "Ten points and two lines fitted to them. One point falls far below the others: " +
        "the line of the squared error tilts towards it, that of the absolute error stays.",
      still: dots.join("") + lines.join(""),
    };
  }

  function begin(box) {
    const [svg, button] = [box.querySelector("svg"), box.querySelector("button")];
    let [part, frame] = [1, 0];
    function draw() {
      plot.show(svg, picture(part, Math.floor(box.clientWidth) || 360));
    }
    function stop() {
      cancelAnimationFrame(frame);
      frame = 0;
      button.textContent = "Play";
    }
    // It rests for a moment, falls, and stays down.
    function move(began, now) {
      const share = Math.min((now - began) / (1000 * SECONDS), 1);
      const way = Math.min(Math.max((share - 0.15) / 0.7, 0), 1);
      part = way * way * (3 - 2 * way);
      draw();
      if (share === 1) return stop();
      frame = requestAnimationFrame((next) => move(began, next));
    }
    function play() {
      button.textContent = "Stop";
      frame = requestAnimationFrame((now) => move(now, now));
    }
    button.addEventListener("click", () => (frame ? stop() : play()));
    new ResizeObserver(draw).observe(box);
    button.hidden = false;
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) play();
  }

  lab.hero = { name: "hero", fits, panels: [(_, width) => picture(1, width)], stillWidth: 640 };
  const box = globalThis.document?.querySelector(".lab-hero");
  if (box) begin(box);
})();
