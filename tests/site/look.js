// Looks at a page the way a reader does; the tests read the answers. Loaded into each page.
window.look = (() => {
  const article = () => document.querySelector(".bd-article") ?? document.body;
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const shorten = (text) => text.trim().replace(/\s+/g, " ").slice(0, 80);
  const name = (element) =>
    `${element.tagName.toLowerCase()}.${element.getAttribute("class") ?? ""}: ` +
    shorten(element.textContent);
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  async function until(condition, patience) {
    const end = performance.now() + patience;
    while (!condition() && performance.now() < end) await pause(20);
    return condition();
  }

  const undrawn = () => all(".lb-mermaid").filter((box) => !box.querySelector("svg"));
  const untilDrawn = async (patience) => {
    await document.fonts.ready;
    await until(() => undrawn().length === 0, patience);
  };

  const untilTheme = async (dark, patience) => {
    const wanted = dark ? "dark" : "light";
    const root = document.documentElement;
    await until(() => root.dataset.theme === wanted, patience);
    // Colours that fade over to the new theme are not yet the ones that stay. What ends one
    // fade can begin another: that of the words in a box whose colour they take.
    for (let round = 0; round < 10; round += 1) {
      const fades = document.getAnimations().filter(({ effect }) => isFinite(effect.getComputedTiming().endTime));
      if (!fades.length) break;
      fades.forEach((fade) => fade.finish());
    }
  };

  const unfold = () => all("details").forEach((box) => (box.open = true));

  // Words of the article that are neither code nor a rendered formula.
  function words() {
    const copy = article().cloneNode(true);
    all("pre, code, .sig, .katex, script, style, .lb-mermaid", copy).forEach((e) => e.remove());
    return copy.textContent;
  }

  const RAW_FORMULA = /\$\$|\\[([]|\\begin\{|\\frac|\$[^\s$][^$\n]*\$/g;

  const content = () => ({
    formulas: all(".katex").length,
    unrendered: [
      ...all(".katex-error").map(name),
      ...all(".math").filter((e) => !e.querySelector(".katex")).map(name),
      ...(words().match(RAW_FORMULA) ?? []),
    ],
    brokenFonts: [...document.fonts]
      .filter((font) => font.status === "error")
      .map((font) => font.family),
    diagrams: all(".lb-mermaid").length,
    undrawn: undrawn().map(name),
    mute: all(".lb-mermaid").filter((e) => !e.getAttribute("aria-label")).map(name),
    images: all("img").length,
    // Sphinx writes the file's path where an image was given no text.
    // The logo stands beside the book's name, which says the same.
    withoutAlt: all("img:not(.logo__image)")
      .filter((image) => !image.alt.trim() || /_images\/|\.(png|svg|jpe?g)$/.test(image.alt))
      .map((image) => image.src.slice(0, 120)),
    unloaded: all("img")
      .filter((image) => image.complete && !image.naturalWidth)
      .map((image) => image.src.slice(0, 120)),
    sliders: all(".lb-frames").length,
  });

  // Width ------------------------------------------------------------------------------

  const scrolls = (element) => /auto|scroll/.test(getComputedStyle(element).overflowX);
  function hasScrollBox(element) {
    for (let box = element.parentElement; box && box !== article(); box = box.parentElement)
      if (scrolls(box)) return true;
    return false;
  }
  // KaTeX keeps each formula a second time, for screen readers, in a box of one pixel.
  // Of a drawing only its frame counts: what lies beyond that is cut off.
  const isSeen = (element) => !element.closest(".katex-mathml") && !element.ownerSVGElement;
  function tooWide() {
    const edge = document.documentElement.clientWidth + 1;
    const beyond = all("*", article()).filter((element) => {
      const { width, right } = element.getBoundingClientRect();
      return width > 1 && right > edge && !hasScrollBox(element) && isSeen(element);
    });
    const page = document.documentElement.scrollWidth > edge ? ["the page itself"] : [];
    return [...page, ...beyond.map(name)];
  }

  // Contrast (WCAG 2) ----------------------------------------------------------------------

  function parse(colour) {
    const [r, g, b, a = 1] = colour.match(/[\d.]+/g).map(Number);
    return { r, g, b, a };
  }
  const over = (top, ground) =>
    Object.fromEntries(
      ["r", "g", "b"].map((k) => [k, top[k] * top.a + ground[k] * (1 - top.a)]),
    );
  function ground(element) {
    if (!element) return { r: 255, g: 255, b: 255 };
    const own = parse(getComputedStyle(element).backgroundColor);
    if (own.a === 1) return own;
    return over(own, ground(element.parentElement));
  }
  function luminance({ r, g, b }) {
    const [x, y, z] = [r, g, b]
      .map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  }
  function contrast(one, other) {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  }
  const hasWords = (element) =>
    [...element.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim());
  function needed(style) {
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    return large ? 3 : 4.5;
  }
  function report(element, ratio) {
    return `${ratio.toFixed(2)} ${name(element)}`;
  }
  function faintWords() {
    return all("*", article())
      .filter((e) => hasWords(e) && e.checkVisibility({ visibilityProperty: true }))
      .filter((e) => !e.closest("svg, .katex-mathml, script, style, .headerlink"))
      .map((e) => [e, getComputedStyle(e)])
      .map(([e, style]) => {
        const under = ground(e);
        return [e, style, contrast(over(parse(style.color), under), under)];
      })
      .filter(([, style, ratio]) => ratio < needed(style))
      .map(([e, , ratio]) => report(e, ratio));
  }
  function faintLabels() {
    return all(".lb-mermaid .node")
      .map((node) => [node.querySelector(".nodeLabel, text"), node.querySelector(".label-container, rect, polygon, circle, path")])
      .filter(([label, shape]) => label && shape)
      .map(([label, shape]) => {
        const style = getComputedStyle(label);
        const colour = label.tagName === "text" ? style.fill : style.color;
        return [label, contrast(parse(colour), parse(getComputedStyle(shape).fill))];
      })
      .filter(([, ratio]) => ratio < 4.5)
      .map(([label, ratio]) => report(label, ratio));
  }
  function darkFigures() {
    return all(".cell_output img, figure img", article())
      .filter((image) => luminance(ground(image)) < 0.8)
      .map((image) => `not on a light card: ${image.alt}`);
  }
  const faint = () => [...faintWords(), ...faintLabels(), ...darkFigures()];

  return {
    until, untilDrawn, untilTheme, unfold, content, tooWide, faint, parse, contrast,
  };
})();
