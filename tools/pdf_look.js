// What is wrong with the one page, as sentences; it is laid out as on paper. And the signs
// that no font of this machine has.
() => {
  const wrong = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const where = (element) => element.closest("[id]")?.id ?? "the front";
  const say = (elements, what) =>
    elements.slice(0, 10).forEach((e) => wrong.push(`${where(e)}: ${what(e)}`));

  const seen = new Set();
  // Mermaid numbers its nodes anew in each diagram, and nothing points to them.
  const twice = all("[id]:not(.lb-mermaid *)").filter((e) => seen.size === seen.add(e.id).size);
  say(twice, (e) => `the name ${e.id} stands there a second time`);

  const lost = all("a[href^='#']").filter(
    (e) => !document.getElementById(decodeURIComponent(e.hash.slice(1))));
  say(lost, (e) => `a link leads to ${e.hash}, which is nowhere`);

  const pale = all("img").filter((e) => !e.complete || !e.naturalWidth);
  say(pale, (e) => `no picture at ${e.src.slice(0, 100)}`);

  const undrawn = all(".lb-mermaid").filter((e) => !e.querySelector("svg"));
  say(undrawn, () => "a diagram is not drawn");

  // Wider than the paper is cut. What KaTeX draws a root with is cut on purpose.
  const edge = document.documentElement.clientWidth + 1;
  const wide = all("pre, pre span, p, code, th, td, img, .lb-mermaid svg, .katex .base")
    .filter((e) => e.getBoundingClientRect().right > edge);
  say(wide, (e) => `<${e.localName}> goes beyond the edge: ${e.textContent.slice(0, 80)}`);

  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  pen.font = `16px KaTeX_Main, KaTeX_AMS, KaTeX_Math, ${getComputedStyle(document.body).fontFamily}`;
  const drawn = (sign) => {
    pen.clearRect(0, 0, 40, 40);
    pen.fillText(sign, 5, 25);
    return pen.getImageData(0, 0, 40, 40).data.join();
  };
  const box = drawn("\u{10FFFE}");
  const signs = new Set(document.body.innerText.match(/[^\u0000-\u024f\s]/gu));
  const boxes = [...signs].filter((sign) => drawn(sign) === box).join("");
  return { wrong, boxes };
}
