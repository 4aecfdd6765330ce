"""The built pages as one page, with names and links that hold in it.

Each page is taken as `make book` made it. What was unique on its page (a name such as
``exercises``) becomes unique in the book by the page's own name before it, and a link
follows: ``../math/ranking.html#exercises`` becomes ``#book/math/ranking/exercises``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import yaml
from lxml import html
from lxml.html.builder import E
from sphinx_external_toc.parsing import parse_toc_yaml
from tqdm import tqdm

# What a reader of paper cannot press, what makes it work, and links to where one is.
DEAD = ("script", "button", "input", "a[@class='headerlink']")
# Attributes that name other elements of the page.
NAMING = ("for", "aria-labelledby", "aria-describedby", "aria-controls", "headers")
LOWER = {"h1": "h2", "h2": "h3", "h3": "h4", "h4": "h5", "h5": "h6"}
# The frames of a slider, half of all bytes: paper shows the one that stands in <img>.
FRAMES = re.compile(r'\bdata-frames="[^"]*"')
ARTICLE = re.compile(r'<article class="bd-article">.*</article>', re.DOTALL)
STYLE = Path(__file__).with_name("pdf.css")


class PageError(ValueError):
    """A page cannot be part of the book on paper; the message says why."""


@dataclass(frozen=True)
class Part:
    """Chapters under a common title; the first page of all stands under none."""

    title: str
    names: list[str]


@dataclass(frozen=True)
class Chapter:
    """One page of the book; ``headings`` gives what each of its links leads to."""

    name: str
    title: str
    element: html.HtmlElement
    headings: dict[str, str]


@dataclass(frozen=True)
class Book:
    """What `make book` left, and what it was told."""

    config: dict[str, Any]
    parts: list[Part]
    pages: Path

    @property
    def names(self) -> list[str]:
        """All pages, in order."""
        return [name for part in self.parts for name in part.names]


def read_book(root: Path) -> Book:
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    return Book(config, contents(root / "_toc.yml"), root / "_build" / "html")


def contents(toc: Path) -> list[Part]:
    """Read the parts, and which pages they hold, in the order of ``_toc.yml``."""
    site = parse_toc_yaml(toc)

    def below(name: str) -> Iterator[str]:
        yield name
        for tree in site[name].subtrees:
            for item in filter(site.__contains__, tree.items):
                yield from below(str(item))

    parts = [
        Part(tree.caption or "", [name for item in tree.items for name in below(item)])
        for tree in site.root.subtrees
    ]
    return [Part("", [site.root.docname]), *parts]


def words(element: html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


def relink(name: str, address: str, names: list[str]) -> str:
    """Turn an address on the page ``name`` into one inside the book."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return address
    target = name
    if parts.path:
        folder = posixpath.dirname(name)
        path = posixpath.normpath(posixpath.join(folder, unquote(parts.path)))
        target = path.removesuffix(".html")
    if target not in names:
        raise PageError(f"{name}: a link leads to {address}, which is no page here")
    place = unquote(parts.fragment)
    return "#" + quote(f"{target}/{place}" if place else target)


def rename(article: html.HtmlElement, name: str, names: list[str]) -> None:
    """Put the page's name before every name on it, and lead its links there."""
    for element in article.xpath(".//*[@id]"):
        element.set("id", f"{name}/{element.get('id')}")
    for attribute in NAMING:
        for element in article.xpath(f".//*[@{attribute}]"):
            named = element.get(attribute).split()
            element.set(attribute, " ".join(f"{name}/{word}" for word in named))
    for element in article.xpath(".//a[@href]"):
        element.set("href", relink(name, element.get("href"), names))


def settle(article: html.HtmlElement) -> None:
    """Open the answers, show the value of a slider, and take away what is dead."""
    for dead in DEAD:
        for element in article.xpath(f".//{dead}"):
            element.drop_tree()
    for element in article.xpath(".//details"):
        element.set("open", "")
    for element in article.xpath(".//*[@hidden]"):
        del element.attrib["hidden"]


def lower(article: html.HtmlElement) -> None:
    """Make room above the title of a chapter for that of its part."""
    for element in article.iter(*LOWER):
        element.tag = LOWER[element.tag]


def move_files(article: html.HtmlElement, folder: str) -> None:
    """Let pictures be found from where the one page lies; load all of them."""
    for element in article.xpath(".//*[@src]"):
        element.attrib.pop("loading", None)
        if not urlsplit(element.get("src")).scheme:
            path = posixpath.join(folder, element.get("src"))
            element.set("src", posixpath.normpath(path))


def headings(article: html.HtmlElement) -> dict[str, str]:
    """Give the names of sections and the words of their headings."""
    found = article.xpath(".//section[@id]/*[self::h1 or self::h2 or self::h3]")
    return {heading.getparent().get("id"): words(heading) for heading in found}


def chapter(book: Book, name: str, base: str) -> Chapter:
    """Read one built page; ``base`` leads from the one page to the built ones."""
    text = (book.pages / f"{name}.html").read_text(encoding="utf-8")
    found = ARTICLE.search(text)
    if found is None:
        raise PageError(f"{name}.html has no <article class=bd-article>")
    article = html.fragment_fromstring(FRAMES.sub("", found[0]))
    settle(article)
    rename(article, name, book.names)
    move_files(article, posixpath.join(base, posixpath.dirname(name)))
    sections = headings(article)
    if not sections:
        raise PageError(f"{name}.html has no title")
    article.tag = "div"
    article.set("id", name)
    article.set("class", "lb-chapter")
    return Chapter(name, next(iter(sections.values())), article, sections)


def style_sheets(book: Book, base: str) -> list[html.HtmlElement]:
    """List the styles of the pages, in their order."""
    name = book.names[0]
    text = (book.pages / f"{name}.html").read_text(encoding="utf-8")
    folder = posixpath.join(base, posixpath.dirname(name))
    links = html.document_fromstring(text).xpath("//link[@rel='stylesheet']/@href")
    return [
        E.link(rel="stylesheet", href=posixpath.normpath(posixpath.join(folder, link)))
        for link in links
    ]


def running_heads(chapters: list[Chapter]) -> str:
    """Name the chapter at the top of its pages: each has pages of its own kind."""
    rules = [STYLE.read_text(encoding="utf-8")]
    for number, one in enumerate(chapters):
        title = one.title.replace("\\", "\\\\").replace('"', '\\"')
        rules.append(
            f'@page chapter-{number} {{ @top-right {{ content: "{title}"; }} }}\n'
            f'.lb-chapter[id="{one.name}"] {{ page: chapter-{number}; }}\n'
        )
    return "".join(rules)


def title_page(config: dict[str, Any], logo: str) -> html.HtmlElement:
    address = config["repository"]["url"]
    return E.header(
        E.img(src=logo, alt=""),
        E.p(config["title"], {"class": "lb-name"}),
        E.p(config["author"]),
        E.p(E.a(address, href=address)),
        E.p(f"© {config['copyright']}"),
        {"class": "lb-title"},
    )


def table_of_contents(book: Book, titles: dict[str, str]) -> html.HtmlElement:
    """List parts and chapters, with room for the numbers of their pages."""
    rows = []
    for part in book.parts:
        if part.title:
            rows.append(E.li(part.title, {"class": "lb-part-line"}))
        for name in part.names:
            number = E.span({"class": "lb-page", "data-of": name})
            rows.append(E.li(E.a(titles[name], href=f"#{quote(name)}"), number))
    return E.section(E.h1("Contents"), E.ul(*rows), {"class": "lb-contents"})


def one_page(book: Book, base: str) -> tuple[str, list[Chapter]]:
    """Write the whole book as one page, and give its chapters in order."""
    chapters = [
        chapter(book, name, base)
        for name in tqdm(book.names, "Gathering pages", unit="page", disable=None)
    ]
    by_name = {one.name: one for one in chapters}
    for part in filter(lambda part: part.title, book.parts):
        for name in part.names:
            lower(by_name[name].element)
        first = by_name[part.names[0]].element
        first.insert(0, E.h1(part.title, {"class": "lb-part"}))
    article = E.div(
        table_of_contents(book, {one.name: one.title for one in chapters}),
        *(one.element for one in chapters),
        {"class": "bd-article"},
    )
    container = E.div(article, {"class": "bd-article-container"})
    main = E.main(E.div(container, {"class": "bd-content"}), {"class": "bd-main"})
    static = posixpath.join(base, "_static")
    head = E.head(
        E.meta(charset="utf-8"),
        E.title(book.config["title"]),
        *style_sheets(book, base),
        E.style(running_heads(chapters)),
    )
    body = E.body(
        title_page(book.config, f"{static}/{Path(book.config['logo']).name}"),
        main,
        E.script(src=f"{static}/vendor/mermaid.min.js"),
        E.script(src=f"{static}/diagrams.js"),
    )
    page = E.html(head, body, {"lang": "en", "data-theme": "light"})
    return html.tostring(page, encoding="unicode", doctype="<!DOCTYPE html>"), chapters
