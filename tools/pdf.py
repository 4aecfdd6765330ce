"""Print the whole book as one PDF.

    python tools/pdf.py

It takes the pages that `make book` made, puts them together into one, lets Chromium
print that, and reads the result: a PDF that lacks something is never left behind. The
numbers in the table of contents are known only after the printing, and are laid over
it. Where nothing has changed since the last time, nothing is done.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pypdfium2
from browser import find_browser, open_browser
from pdf_checks import complaints, places, read
from pdf_pages import Book, Chapter, PageError, one_page, read_book
from playwright.sync_api import Error, Page
from pypdf import PdfReader

ROOT = Path(__file__).resolve().parents[1]
LOOK = Path(__file__).with_name("pdf_look.js").read_text(encoding="utf-8")
# A4 less the margins in pdf.css, in pixels: 174 mm of 25.4 / 96 mm.
PAPER = {"width": 657, "height": 970}
PATIENCE = 300_000
DRAWN = """() => document.fonts.status === "loaded"
  && [...document.querySelectorAll(".lb-mermaid")].every((d) => d.querySelector("svg"))
  && [...document.images].every((image) => image.complete)"""
PRINTING = {"prefer_css_page_size": True, "print_background": True}
# Page margins with text (the numbers, the running heads) came with this version.
OLDEST = 131


class Failure(Exception):
    """No PDF was made; the message says why and what to do."""


@contextmanager
def clock(what: str) -> Iterator[None]:
    """Count the seconds of something that says nothing itself."""
    begin, over = time.monotonic(), threading.Event()

    def tick() -> None:
        while not over.wait(1):
            print(f"\r{what} ... {time.monotonic() - begin:.0f} s", end="", flush=True)

    thread = threading.Thread(target=tick, daemon=True)
    print(f"{what} ...", end="", flush=True)
    if sys.stdout.isatty():
        thread.start()
    try:
        yield
    finally:
        over.set()
        print(f"\r{what} ... {time.monotonic() - begin:.0f} s")


def fingerprint(book: Book, root: Path) -> str:
    """Sum up all that the PDF is made of."""
    files = [
        *(book.pages / f"{name}.html" for name in book.names),
        *book.pages.glob("_images/*"),
        *book.pages.glob("_static/**/*"),
        *Path(__file__).parent.glob("pdf*"),
        root / "_config.yml",
        root / "_toc.yml",
    ]
    digest = hashlib.sha256(str(find_browser()).encode())
    for file in sorted(file for file in files if file.is_file()):
        digest.update(f"{file.name} {file.stat().st_size} ".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def noted(target: Path, made_from: str) -> str | None:
    """Give the missing signs if the PDF is there, whole, and made of the same."""
    try:
        note = json.loads(target.with_suffix(".json").read_text(encoding="utf-8"))
        whole = hashlib.sha256(target.read_bytes()).hexdigest()
        same = (note["made_from"], note["sha256"]) == (made_from, whole)
        return note["boxes"] if same else None
    except (OSError, ValueError, KeyError):
        return None


def note(target: Path, made_from: str, boxes: str) -> None:
    """Write down what the PDF was made of, and which signs no font had."""
    whole = hashlib.sha256(target.read_bytes()).hexdigest()
    said = {"made_from": made_from, "sha256": whole, "boxes": boxes}
    target.with_suffix(".json").write_text(json.dumps(said), encoding="utf-8")


def print_pages(page: Page, source: Path, target: Path) -> str:
    """Load the one page without a network, look at it, and print it.

    Returns the signs that no font here has.
    """
    wrong: list[str] = []
    page.on("requestfailed", lambda request: wrong.append(f"no {request.url[:150]}"))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    with clock("Laying out the pages and drawing the diagrams"):
        page.goto(source.as_uri(), timeout=PATIENCE)
        page.wait_for_function(DRAWN, timeout=PATIENCE)
        page.emulate_media(media="print")
        seen = page.evaluate(LOOK)
        wrong += seen["wrong"]
    if wrong:
        raise Failure("The one page is not whole:\n  " + "\n  ".join(wrong))
    with clock("Printing (a minute or two)"):
        page.pdf(path=target, outline=True, tagged=True, **PRINTING)
    return seen["boxes"]


def print_numbers(page: Page, numbers: dict[str, int], target: Path) -> None:
    """Print the numbers of the table of contents alone, each in its place."""
    page.evaluate(
        """(numbers) => {
          for (const other of document.querySelectorAll(".lb-title, .lb-chapter"))
            other.remove();
          for (const place of document.querySelectorAll(".lb-page"))
            place.textContent = numbers[place.dataset.of];
          document.body.classList.add("lb-numbers");
          const style = document.head.appendChild(document.createElement("style"));
          style.textContent = "@page { @bottom-center { content: none; } }";
        }""",
        numbers,
    )
    page.pdf(path=target, **{**PRINTING, "print_background": False})


def lay_over(under: Path, over: Path, first: int) -> None:
    """Lay the pages of one PDF over those of another, from page ``first`` on."""
    with pypdfium2.PdfDocument(under) as below, pypdfium2.PdfDocument(over) as above:
        for number in range(len(above)):
            page = below[first + number]
            page.insert_obj(above.page_as_xobject(number, below).as_pageobject())
            page.gen_content()
        half = under.with_suffix(".laid")
        below.save(half)
    os.replace(half, under)


def chapter_pages(path: Path, chapters: list[Chapter]) -> dict[str, int]:
    """Give the number that stands on the first page of each chapter."""
    found = places(PdfReader(path))
    return {one.name: found[one.name] + 1 for one in chapters if one.name in found}


def check(half: Path, chapters: list[Chapter], boxes: str) -> None:
    """Read what was printed, and refuse it where something is missing."""
    with clock("Reading the PDF"):
        wrong = complaints(read(half), chapters, boxes)
    if wrong:
        raise Failure("The PDF is not the book:\n  " + "\n  ".join(wrong[:20]))


def make(book: Book, folder: Path) -> str:
    """Make the PDF in ``folder``, in one piece or not at all.

    Returns the signs that no font here has.
    """
    base = os.path.relpath(book.pages, folder)
    text, chapters = one_page(book, base)
    source, target = folder / "book.html", folder / "lossbook.pdf"
    half, numbers = folder / "printed.half", folder / "numbers.half"
    source.write_text(text, encoding="utf-8")
    with open_browser() as browser:
        if int(browser.version.split(".")[0]) < OLDEST:
            raise Failure(
                f"Chromium {browser.version} prints no page numbers: "
                f"install version {OLDEST} or newer"
            )
        page = browser.new_context(offline=True, viewport=PAPER).new_page()
        boxes = print_pages(page, source, half)
        print_numbers(page, chapter_pages(half, chapters), numbers)
    lay_over(half, numbers, first=1)
    check(half, chapters, boxes)
    os.replace(half, target)
    numbers.unlink()
    return boxes


def report(target: Path, boxes: str) -> None:
    """Say where the PDF is, and what no font could give."""
    if boxes:
        print(
            f"{len(boxes)} signs ({boxes[:6]} ...) are empty boxes, since no font here "
            "has them: apt-get install fonts-noto-cjk, delete the PDF, print it again."
        )
    pages, size = len(PdfReader(target).pages), target.stat().st_size / 1e6
    print(f"The book is at {target}: {pages} pages, {size:.0f} MB")


def main(root: Path = ROOT) -> int:
    """Make the PDF if anything has changed; return the exit status."""
    folder = root / "_build" / "pdf"
    target = folder / "lossbook.pdf"
    book = read_book(root)
    if not all((book.pages / f"{name}.html").exists() for name in book.names):
        print("Not all pages are built yet: run make book first.", file=sys.stderr)
        return 2
    if find_browser() is None:
        print(
            "Printing needs Chromium 131 or newer, and there is none on PATH: "
            "apt-get install chromium, or install Google Chrome.",
            file=sys.stderr,
        )
        return 2
    made_from = fingerprint(book, root)
    boxes = noted(target, made_from)
    if boxes is not None:
        print("Nothing has changed since the PDF was made.")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            boxes = make(book, folder)
        except (Failure, PageError, Error) as failure:
            print(f"No PDF: {failure}", file=sys.stderr)
            return 1
        note(target, made_from, boxes)
    report(target, boxes)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
