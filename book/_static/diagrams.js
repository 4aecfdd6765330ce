// Draws each diagram once, when it comes near the reader's view or the page is at rest.
// Mermaid is by far the largest script here, so it is fetched when the first is drawn. Its
// colours are variables (book.css): the dark, the light and paper need no second drawing.
(() => {
  const MERMAID = new URL("vendor/mermaid.min.js", document.currentScript.src);
  // Words of 16 pixels are drawn no smaller than 10; what is then too wide scrolls.
  const SMALLEST = 10 / 16;
  const COLOURS = `
    .node :is(rect, circle, ellipse, polygon, path) {
      fill: var(--lb-node); stroke: var(--lb-line);
    }
    .flowchart-link, .edgePath .path { stroke: var(--lb-line); }
    .marker, .arrowMarkerPath { fill: var(--lb-line); stroke: var(--lb-line); }
    .label, .nodeLabel, .nodeLabel p, .edgeLabel, .edgeLabel p { color: var(--lb-words); }
    .label text, .edgeLabel text { fill: var(--lb-words); }
    .edgeLabel, .edgeLabel p, .labelBkg { background-color: var(--lb-paper); }
    .edgeLabel rect { fill: var(--lb-paper); opacity: 1; }`;

  const boxes = [...document.querySelectorAll(".lb-mermaid")];
  const isDrawn = (box) => box.querySelector("svg") !== null;

  // A narrow column gets narrow boxes with more lines in them, so that the words stay large.
  // Mermaid does not break the words on an arrow, so breaks are put between them.
  const isNarrow = document.documentElement.clientWidth < 600;
  const layout = isNarrow
    ? { nodeSpacing: 14, rankSpacing: 16, padding: 5, wrappingWidth: 84 }
    : { nodeSpacing: 28, rankSpacing: 32, padding: 10 };
  const breakLines = (words) => words.replace(/(.{6,}?) /g, "$1<br>");
  const narrow = (source) => source.replace(/\|([^|\n]+)\|/g, (label) => breakLines(label));
  const sourceOf = (box) => (isNarrow ? narrow : String)(box.textContent.trim());

  function configure() {
    mermaid.initialize({
      startOnLoad: false,
      securityLevel: "strict",
      theme: "neutral",
      themeCSS: COLOURS,
      fontFamily: getComputedStyle(document.body).fontFamily,
      flowchart: layout,
    });
  }

  let loading = null;
  const load = () =>
    (loading ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = MERMAID;
      script.onload = () => resolve(configure());
      script.onerror = () => reject(new Error(`${MERMAID} is missing`));
      document.head.append(script);
    }));

  async function draw(box) {
    const { svg } = await mermaid.render(
      `lb-diagram-${boxes.indexOf(box)}`,
      sourceOf(box),
    );
    box.innerHTML = svg;
    const drawing = box.firstElementChild;
    drawing.style.minWidth = `${SMALLEST * drawing.viewBox.baseVal.width}px`;
  }

  // One after the other: Mermaid measures each in the same place. A diagram that cannot be
  // drawn stays on the page as its source, which a reader can still follow.
  let queue = Promise.resolve();
  function ask(box) {
    queue = queue
      .then(load)
      .then(() => isDrawn(box) || draw(box))
      .catch((error) => console.error(`A diagram is not drawn: ${error.message}`));
    return queue;
  }

  const observer = new IntersectionObserver(
    (entries) =>
      entries
        .filter((entry) => entry.isIntersecting)
        .forEach((entry) => {
          observer.unobserve(entry.target);
          ask(entry.target);
        }),
    { rootMargin: "50% 0px" },
  );
  boxes.forEach((box) => observer.observe(box));

  // The others wait until nothing else is to be done: they must be there on paper, and for
  // whoever searches the page. Safari has no idle callback.
  const atRest = window.requestIdleCallback ?? ((callback) => setTimeout(callback, 500));
  async function drawTheRest() {
    const box = boxes.find((each) => !isDrawn(each) && !each.dataset.asked);
    if (!box) return;
    box.dataset.asked = "yes";
    await ask(box);
    atRest(drawTheRest);
  }
  addEventListener("load", () => atRest(drawTheRest));
  addEventListener("beforeprint", () => boxes.forEach(ask));
})();
