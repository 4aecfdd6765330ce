// Fetches the frames of a slider when a reader reaches for it, by pointer or by key, so that
// they are there as it moves. Until then a page is as heavy as the one frame that is seen.
for (const box of document.querySelectorAll(".lb-frames")) {
  const fetchAll = () => {
    for (const kind of ["pointerenter", "focusin"]) box.removeEventListener(kind, fetchAll);
    box.fetched = box.dataset.frames.split(" ").map((address) => {
      const picture = new Image();
      picture.src = address;
      return picture;
    });
  };
  for (const kind of ["pointerenter", "focusin"]) box.addEventListener(kind, fetchAll);
}
