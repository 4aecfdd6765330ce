// Before a page is printed it turns light and its answers open; afterwards it is as before.
// A browser prints words in their colours and leaves the ground white, and it leaves out
// what is folded.
(() => {
  const root = document.documentElement;
  let undo = [];

  addEventListener("beforeprint", () => {
    if (undo.length) return;
    const theme = root.dataset.theme;
    root.dataset.theme = "light";
    undo.push(() => (root.dataset.theme = theme));
    for (const folded of document.querySelectorAll("details:not([open])")) {
      folded.open = true;
      undo.push(() => (folded.open = false));
    }
  });

  addEventListener("afterprint", () => {
    undo.forEach((step) => step());
    undo = [];
  });
})();
