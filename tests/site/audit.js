// What axe-core says of the page that is open. Loaded into each page after axe itself.
window.audit = (() => {
  const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice", "experimental"];
  const all = (selector) => [...document.querySelectorAll(selector)];

  async function run(onlyContrast) {
    const { violations } = await axe.run(document, {
      runOnly: onlyContrast ? ["color-contrast"] : { type: "tag", values: TAGS },
      resultTypes: ["violations"],
      elementRef: true,
    });
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ element }) => ({ rule: id, html: element.outerHTML.slice(0, 300) })),
    );
  }

  // Words of code and pieces of formulas repeat a thousandfold, and axe looks at each: one of
  // each kind stays, the others become plain text or, where they scroll, as wide a box.
  function thin() {
    const seen = new Set();
    const isFirst = (kind) => !seen.has(kind) && Boolean(seen.add(kind));
    const kind = (element) => `${element.tagName}.${element.className}`;
    for (const word of all("main span[class]:not(.math, .math *, [id], [role], [tabindex])")) {
      const { parentElement: parent } = word;
      if (!isFirst([word, parent, parent.parentElement].map(kind).join(" < ")))
        word.replaceWith(...word.childNodes);
    }
    for (const formula of all(".katex"))
      if (!isFirst("a formula") && !formula.closest("th, .katex-display")) formula.remove();
    for (const shown of all(".katex-display .katex-html")) {
      if (isFirst("a formula on its own")) continue;
      const box = document.createElement("span");
      box.style = `display: inline-block; width: ${shown.getBoundingClientRect().width}px`;
      shown.replaceChildren(box);
    }
    document.body.normalize();
  }

  // Two frames later sizes have been looked at and what follows from them is done.
  const settle = () =>
    new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));

  return { run, thin, settle };
})();
