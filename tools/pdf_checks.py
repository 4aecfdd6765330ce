"""Whether a PDF is the book: its text, its bookmarks, its pictures, where links lead.

The pages that it was printed from say what has to be there.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pypdfium2
from lxml import html
from pdf_pages import Chapter
from pypdf import PdfReader
from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE


def _of_class(*names: str) -> str:
    marks = (f"contains(concat(' ', @class, ' '), ' {name} ')" for name in names)
    return " or ".join(marks)


# Diagrams are drawn from their source; a formula stands in its page twice. Buttons of
# folded cells (print.css) and what only a script fills in (lab.css) are not printed.
UNSEEN = " | ".join(
    [
        f".//*[{_of_class('lb-mermaid', 'katex-mathml', 'lab-controls', 'lab-live')}]",
        f".//details[{_of_class('hide')}]/summary",
        f".//*[{_of_class('lab-numbers')}][@data-when='three']",
        f".//*[{_of_class('lab-numbers')}]//*[self::thead or self::td]",
    ]
)
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
# So much of the words at a place is looked for where a link leads.
ENOUGH = 25


@dataclass(frozen=True)
class Printed:
    """What was read from a PDF; pages count from 0."""

    texts: list[str]
    pictures: list[int]
    bookmarks: list[str]
    places: dict[str, int]
    links: list[str]
    outside: set[str]


def read(path: Path) -> Printed:
    reader = PdfReader(path)
    texts, pictures = [], []
    with pypdfium2.PdfDocument(path) as document:
        for page in document:
            texts.append(page.get_textpage().get_text_range())
            pictures.append(len(list(page.get_objects([FPDF_PAGEOBJ_IMAGE]))))
    inside, outside = links(reader)
    return Printed(
        texts, pictures, list(titles(reader.outline)), places(reader), inside, outside
    )


def titles(outline: list[Any]) -> Iterator[str]:
    for item in outline:
        if isinstance(item, list):
            yield from titles(item)
        else:
            yield squeeze(item.title)


def places(reader: PdfReader) -> dict[str, int]:
    """Give the page of each place that a link can lead to."""
    numbers = {
        page.indirect_reference.idnum: number
        for number, page in enumerate(reader.pages)
        if page.indirect_reference is not None
    }
    return {
        name.removeprefix("/"): numbers[place.raw_get("/Page").idnum]
        for name, place in reader.named_destinations.items()
    }


def links(reader: PdfReader) -> tuple[list[str], set[str]]:
    """List where the links inside lead, and the addresses outside."""
    inside, outside = [], set()
    for page in reader.pages:
        for annotation in page.get("/Annots", []):
            link = annotation.get_object()
            if "/Dest" in link:
                inside.append(str(link["/Dest"]).removeprefix("/"))
            elif "/URI" in link.get("/A", {}):
                outside.add(str(link["/A"]["/URI"]).rstrip("/"))
    return inside, outside


def squeeze(text: str) -> str:
    """Keep what two ways of writing the same words have in common.

    PDFium reads a hyphen at the end of a line as U+FFFE.
    """
    text = unicodedata.normalize("NFKC", text).replace("\ufffe", "-")
    return re.sub(r"[\s\u200b\ufeff]+", "", text)


def visible(element: html.HtmlElement) -> str:
    """Give the text that is printed of an element."""
    unseen = set(element.xpath(UNSEEN))

    def walk(node: html.HtmlElement) -> Iterator[str]:
        if node not in unseen and isinstance(node.tag, str):
            yield node.text or ""
            for child in node:
                yield from walk(child)
                yield child.tail or ""

    return "".join(walk(element))


def expected_at(chapters: list[Chapter]) -> dict[str, str]:
    """Give the words at each place with a name: a heading's, an entry's, a figure's."""
    expected = {}
    for chapter in chapters:
        for element in chapter.element.xpath("descendant-or-self::*[@id]"):
            headings = element.xpath(f"(.//{'|.//'.join(HEADINGS)})[1]")
            own = (
                headings[0]
                if headings and element.tag in ("section", "div")
                else element
            )
            if not visible(own).strip():
                own = element.getparent()
            expected[element.get("id")] = squeeze(visible(own))[:ENOUGH]
    return expected


def complaints(printed: Printed, chapters: list[Chapter], boxes: str) -> list[str]:
    """Say in which ways the PDF is not the book; nothing where it is.

    ``boxes`` are the signs that no font here has: they cannot be read from it.
    """
    first = [printed.places.get(chapter.name) for chapter in chapters]
    if None in first or first != sorted(set(first)):  # type: ignore[type-var]
        return [f"the chapters do not begin on pages of their own, in order: {first}"]
    return [
        *check_bookmarks(printed, chapters),
        *check_links(printed, chapters),
        *check_text(printed, chapters, boxes),
        *check_outside(printed, chapters),
    ]


def check_bookmarks(printed: Printed, chapters: list[Chapter]) -> Iterator[str]:
    """Hold the bookmarks against the headings, in order."""
    wanted = [
        squeeze(visible(heading))
        for chapter in chapters
        for heading in chapter.element.iter(*HEADINGS)
    ]
    found = [title for title in printed.bookmarks if title != "Contents"]
    for number, (want, find) in enumerate(zip(wanted, found, strict=False)):
        if want != find:
            yield f"bookmark {number} is {find!r} instead of {want!r}"
            return
    if len(wanted) != len(found):
        yield f"there are {len(found)} bookmarks for {len(wanted)} headings"


def check_links(printed: Printed, chapters: list[Chapter]) -> Iterator[str]:
    """Look on the page that a link leads to for the words of its place."""
    expected = expected_at(chapters)
    for name in sorted(set(printed.links)):
        page = printed.places.get(name)
        if page is None or name not in expected:
            yield f"a link leads to {name}, which has no page"
        elif expected[name] not in squeeze(printed.texts[page]):
            yield f"{name} is not on page {page + 1}: no {expected[name]!r} there"


def check_outside(printed: Printed, chapters: list[Chapter]) -> Iterator[str]:
    """Find the links out of the book that were not kept."""
    for chapter in chapters:
        for address in chapter.element.xpath(".//a/@href"):
            if (
                not address.startswith("#")
                and address.rstrip("/") not in printed.outside
            ):
                yield f"{chapter.name}: no link leads to {address}"


def check_text(printed: Printed, chapters: list[Chapter], boxes: str) -> Iterator[str]:
    """Look for every sign and every picture of a chapter on its pages.

    Signs are counted, since a formula's are drawn in an order of their own.
    """
    first = [printed.places[chapter.name] for chapter in chapters]
    for chapter, begin, end in zip(
        chapters, first, [*first[1:], len(printed.texts)], strict=True
    ):
        there = squeeze("".join(printed.texts[begin:end]))
        lost = Counter(squeeze(visible(chapter.element))) - Counter(there)
        lost = {sign: count for sign, count in lost.items() if sign not in boxes}
        if lost:
            yield f"{chapter.name}: not printed: {lost}"
        wanted = len(chapter.element.xpath(".//img"))
        found = sum(printed.pictures[begin:end])
        if found < wanted:
            yield f"{chapter.name}: {found} of {wanted} pictures are printed"
