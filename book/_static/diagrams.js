// Draws every diagram on the page, and draws it again when the reader changes the theme.
(() => {
  const boxes = [...document.querySelectorAll(".lb-mermaid")];
  const sources = boxes.map((box) => box.textContent.trim());
  const root = document.documentElement;
  const dark = () => root.dataset.theme === "dark";
  let drawn = null;

  // Mermaid shrinks a diagram to its box; on a phone its words would vanish. Below this
  // width the box scrolls.
  function keepReadable(svg) {
    svg.style.minWidth = `${Math.min(svg.viewBox.baseVal.width, 480)}px`;
  }

  async function draw() {
    if (drawn === dark()) return;
    drawn = dark();
    mermaid.initialize({
      startOnLoad: false,
      securityLevel: "strict",
      theme: drawn ? "dark" : "neutral",
      fontFamily: getComputedStyle(document.body).fontFamily,
      flowchart: { nodeSpacing: 28, rankSpacing: 32, padding: 10 },
    });
    for (const [i, box] of boxes.entries()) {
      try {
        const { svg } = await mermaid.render(`lb-diagram-${i}`, sources[i]);
        box.innerHTML = svg;
        keepReadable(box.firstElementChild);
        box.dataset.theme = drawn ? "dark" : "light";
      } catch (error) {
        // The source stays on the page: a reader can still follow it.
        console.error(`Diagram ${i + 1}: ${error.message}`);
      }
    }
  }

  new MutationObserver(draw).observe(root, { attributeFilter: ["data-theme"] });
  draw();
})();
