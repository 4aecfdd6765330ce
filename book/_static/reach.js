// What scrolls sideways can be reached by key and says what it is; what does not scroll is
// no stop for those who walk by Tab. The theme looks at code, outputs and tables only when
// a page is loaded or turned, which is too early for what is folded away.
(() => {
  const KINDS = {
    ".katex-display": "Formula",
    ".lb-scroll": "Diagram",
    ".pst-scrollable-table-container": "Table",
    "main pre": "Code",
    ".cell_output > .output": "Output",
  };

  function update(box, kind) {
    const scrolls = box.scrollWidth > box.clientWidth;
    if (scrolls === (box.tabIndex === 0 && box.role === "group")) return;
    if (scrolls) {
      box.tabIndex = 0;
      box.role = "group";
      box.ariaLabel = `${kind}, scrolls sideways`;
    } else {
      ["tabindex", "role", "aria-label"].forEach((name) => box.removeAttribute(name));
    }
  }

  const kinds = new Map();
  const sizes = new ResizeObserver((entries) =>
    entries.forEach(({ target }) => {
      const box = kinds.has(target) ? target : target.parentElement;
      update(box, kinds.get(box));
    }),
  );
  for (const [selector, kind] of Object.entries(KINDS))
    for (const box of document.querySelectorAll(selector)) {
      kinds.set(box, kind);
      // The box is as wide as the column; what is in it may grow later, as diagrams do.
      [box, ...box.children].forEach((each) => sizes.observe(each));
    }

  // The theme moves the menu's contents as it closes, and with them the focus is lost.
  for (const side of ["primary", "secondary"])
    document
      .getElementById(`pst-${side}-sidebar-modal`)
      ?.addEventListener("close", () => document.querySelector(`.${side}-toggle`)?.focus());
})();
