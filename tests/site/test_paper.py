"""The book as one PDF.

`make pdf` reads the whole book that it has printed each time, so a book of three small
pages is enough here to see that it prints what it should, and that its eyes are open.
"""

import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from . import built

sys.path.insert(0, str(built.ROOT / "tools"))
import pdf
import pdf_checks
import pdf_pages

sys.path.pop(0)

pytestmark = pytest.mark.site

ANSWER = "Because the slope is zero there."
PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4"
    "nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)
SLIDER = f"""
<div class="lb-frames" data-frames="AAAA BBBB"><img src="{PNG}" alt="one frame">
<div class="lb-controls" hidden><button type="button" class="lb-play">Play</button>
<label>rate <input type="range"></label><output>0.25</output></div>
<script>document.write("dead");</script></div>"""
DIAGRAM = """
<figure class="lb-diagram" id="picture"><div class="lb-mermaid" role="img">
<pre>flowchart LR\n  A[guess] --> B[measure]</pre></div></figure>"""
PAGE = """<html><head><link rel="stylesheet" href="{root}_static/book.css">
<link rel="stylesheet" href="{root}_static/vendor/katex/katex.min.css">
<link rel="stylesheet" href="{root}_static/print.css"></head><body>
<article class="bd-article"><section id="{slug}">
<h1>{title}<a class="headerlink" href="#{slug}">#</a></h1>{text}
<section id="exercises"><h2>{title}: exercises</h2>
<details><summary>Answer</summary><p>{answer}</p></details></section>
</section></article></body></html>"""


def formula(html):
    """Return a formula of the book, as its pages have it."""
    text = (html / "book/math/mean-squared-error.html").read_text(encoding="utf-8")
    article = pdf_pages.html.document_fromstring(text).xpath("//article")[0]
    first = article.xpath(".//div[contains(@class, 'math')]")[0]
    return pdf_pages.html.tostring(first, encoding="unicode", with_tail=False)


@pytest.fixture(scope="module")
def book(html, tmp_path_factory):
    """Return a small book whose pages use the same names."""
    pages = tmp_path_factory.mktemp("small") / "html"
    (pages / "part").mkdir(parents=True)
    (pages / "_static").symlink_to(html / "_static")
    texts = {
        "intro": '<p><a href="part/two.html#exercises">To the last exercises</a>, '
        '<a href="https://example.org/somewhere">outside</a></p>',
        "part/one": '<p><a href="#exercises">Down</a>, '
        f'<a href="two.html#entry">an entry</a></p>{formula(html)}{SLIDER}',
        "part/two": f'<p><a id="entry"></a>An entry.</p>{DIAGRAM}'
        '<p><a href="one.html">Back</a></p>',
    }
    for name, text in texts.items():
        title = f"Chapter {name.rpartition('/')[2]}"
        written = PAGE.format(
            root="../" * name.count("/"),
            slug=title.lower().replace(" ", "-"),
            title=title,
            text=text,
            answer=f"{ANSWER} {title}",
        )
        (pages / f"{name}.html").write_text(written, encoding="utf-8")
    config = {
        "title": "Small",
        "author": "Nobody",
        "copyright": "2026",
        "logo": "logo.svg",
        "repository": {"url": "https://example.org"},
    }
    parts = [
        pdf_pages.Part("", ["intro"]),
        pdf_pages.Part("The part", ["part/one", "part/two"]),
    ]
    return pdf_pages.Book(config, parts, pages)


@pytest.fixture(scope="module")
def chapters(book):
    return pdf_pages.one_page(book, "../html")[1]


def make(*args):
    """Print in a thread of its own: one thread has room for one browser."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(pdf.make, *args).result()


@pytest.fixture(scope="module")
def printed(book, browser_here):
    """Return what stands in the small book's PDF."""
    folder = book.pages.parent / "pdf"
    folder.mkdir()
    make(book, folder)
    return pdf_checks.read(folder / "lossbook.pdf")


@pytest.fixture(scope="module")
def browser_here():
    if built.find_browser() is None:
        pytest.skip("no Chromium here: apt-get install chromium")


def text_of(printed):
    return " ".join("".join(printed.texts).split())


def test_the_parts_and_pages_are_those_of_the_contents():
    parts = pdf_pages.contents(built.ROOT / "_toc.yml")
    toc = (built.ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert [name for part in parts for name in part.names] == re.findall(
        r"(?:file|root): (\S+)", toc
    )
    assert [part.title for part in parts][1:] == re.findall(r"caption: (.+)", toc)


def test_a_name_of_every_page_is_one_name_in_the_book(book):
    page, _ = pdf_pages.one_page(book, "../html")
    tree = pdf_pages.html.document_fromstring(page)
    names = tree.xpath("//@id")
    assert len(names) == len(set(names))
    leads = {link.text: link.get("href") for link in tree.xpath("//p/a")}
    assert leads["To the last exercises"] == "#part/two/exercises"
    assert leads["Down"] == "#part/one/exercises"
    assert leads["Back"] == "#part/one"
    assert leads["outside"] == "https://example.org/somewhere"


@pytest.fixture(scope="module")
def whole(html):
    return pdf_pages.one_page(pdf_pages.read_book(built.ROOT), "../html")


def test_the_whole_book_has_no_name_twice_and_no_link_to_nowhere(whole):
    page, chapters = whole
    tree = pdf_pages.html.document_fromstring(page)
    names = tree.xpath("//@id")
    assert sum(name.endswith("/exercises") for name in names) > len(chapters) / 2
    assert len(names) == len(set(names))
    inside = {link[1:] for link in tree.xpath("//a/@href") if link.startswith("#")}
    assert inside <= set(names)


# The words of each chapter that paper shows; diagrams are drawn from other words.
ON_PAPER = """() => [...document.querySelectorAll(".lb-chapter")].map((chapter) => {
  const words = document.createTreeWalker(chapter, NodeFilter.SHOW_TEXT);
  let text = "";
  while (words.nextNode()) {
    const { parentElement: parent, data } = words.currentNode;
    if (parent.checkVisibility() && !parent.closest(".lb-mermaid")) text += data;
  }
  return text;
})"""


def test_paper_shows_all_words_that_the_pdf_is_looked_through_for(
    whole, browser, html, tmp_path
):
    text = whole[0].replace("../html/", f"{html.as_uri()}/")
    tree = pdf_pages.html.document_fromstring(text)
    for heavy in tree.xpath("//*[contains(@class, 'katex')] | //img | //script"):
        heavy.drop_tree()  # with what neither style nor check hides it takes a minute
    page = tmp_path / "book.html"
    text = pdf_pages.html.tostring(tree, encoding="unicode", doctype="<!DOCTYPE html>")
    page.write_text(text, encoding="utf-8")
    paper = browser.new_page(viewport=pdf.PAPER)
    paper.goto(page.as_uri())
    paper.emulate_media(media="print")
    shown = paper.evaluate(ON_PAPER)
    paper.close()
    differ = [
        chapter.get("id")
        for chapter, words in zip(tree.find_class("lb-chapter"), shown, strict=True)
        if pdf_checks.squeeze(pdf_checks.visible(chapter)) != pdf_checks.squeeze(words)
    ]
    assert differ == []


def test_a_link_to_what_is_not_in_the_book_is_refused(book):
    with pytest.raises(pdf_pages.PageError, match=r"part/one: .*gone.html"):
        pdf_pages.relink("part/one", "gone.html#here", book.names)


def test_parts_chapters_and_sections_are_bookmarks(printed):
    assert printed.bookmarks == [
        "Contents",
        "Chapterintro",
        "Chapterintro:exercises",
        "Thepart",
        "Chapterone",
        "Chapterone:exercises",
        "Chaptertwo",
        "Chaptertwo:exercises",
    ]


def test_the_contents_give_the_pages_on_which_the_chapters_begin(printed):
    begins = [printed.places[name] + 1 for name in ("intro", "part/one", "part/two")]
    assert begins == [3, 4, 5]
    assert re.findall(r"\d+", printed.texts[1]) == ["2", "3", "4", "5"]
    assert "The part" in printed.texts[1]


def test_links_lead_to_the_right_one_of_many_exercises(printed):
    assert printed.places["part/two/exercises"] == printed.places["part/two"]
    assert printed.places["part/one/exercises"] == printed.places["part/one"]
    assert {"part/two/exercises", "part/one/exercises"} <= set(printed.links)
    assert "https://example.org/somewhere" in printed.outside


def test_answers_formulas_diagrams_and_a_sliders_value_are_on_paper(printed, chapters):
    text = text_of(printed)
    assert text.count(ANSWER) == 3
    formula = chapters[1].element.xpath(".//div[contains(@class, 'math')]")[0]
    signs = pdf_checks.squeeze(pdf_checks.visible(formula))
    assert len(signs) > 5
    assert set(signs) <= set(printed.texts[printed.places["part/one"]])
    assert "guess" in text and "measure" in text
    assert re.search(r"rate\s*:\s*0.25", text)
    assert "Play" not in text and "dead" not in text
    assert printed.pictures[printed.places["part/one"]] == 1


def lose_a_bookmark(printed):
    return replace(printed, bookmarks=printed.bookmarks[:-1])


def lead_astray(printed):
    return replace(
        printed, places=printed.places | {"part/two/exercises": printed.places["intro"]}
    )


def lose_an_answer(printed):
    return replace(printed, texts=[text.replace(ANSWER, "") for text in printed.texts])


def lose_a_picture(printed):
    return replace(printed, pictures=[0] * len(printed.pictures))


def lose_a_link(printed):
    return replace(printed, outside=set())


def turn_round(printed):
    first, last = printed.places["intro"], printed.places["part/two"]
    return replace(printed, places=printed.places | {"intro": last, "part/two": first})


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lose_a_bookmark, "bookmarks"),
        (lead_astray, "part/two/exercises is not on page"),
        (lose_an_answer, "not printed"),
        (lose_a_picture, "0 of 1 pictures"),
        (lose_a_link, "no link leads to https://example.org/somewhere"),
        (turn_round, "in order"),
    ],
)
def test_a_pdf_that_lacks_something_is_refused(printed, chapters, spoil, complaint):
    assert pdf_checks.complaints(printed, chapters, "") == []
    found = pdf_checks.complaints(spoil(printed), chapters, "")
    assert any(complaint in line for line in found), found


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('<img src="nowhere.png" alt="">', "no picture at"),
        ('<p id="exercises">again</p>', "a second time"),
        ('<a href="#nothing">there</a>', "which is nowhere"),
        (f"<table><td style='min-width: 900px'>{'x' * 9}</td></table>", "the edge"),
    ],
)
def test_a_page_that_cannot_be_printed_whole_leaves_the_old_pdf(
    book, browser_here, tmp_path, text, complaint
):
    pages = tmp_path / "html"
    pages.mkdir()
    (pages / "_static").symlink_to(book.pages / "_static")
    page = (book.pages / "part/two.html").read_text(encoding="utf-8")
    page = page.replace('<a href="one.html">Back</a>', text).replace(
        "../_static", "_static"
    )
    (pages / "two.html").write_text(page, encoding="utf-8")
    (tmp_path / "pdf").mkdir()
    old = tmp_path / "pdf" / "lossbook.pdf"
    old.write_bytes(b"the old one")
    small = replace(book, parts=[pdf_pages.Part("", ["two"])], pages=pages)
    with pytest.raises(pdf.Failure, match=complaint):
        make(small, tmp_path / "pdf")
    assert old.read_bytes() == b"the old one"


def test_without_chromium_it_says_what_to_install(html, monkeypatch, capsys):
    monkeypatch.setattr(pdf, "find_browser", lambda: None)
    assert pdf.main() != 0
    assert "apt-get install chromium" in capsys.readouterr().err


def test_a_pdf_is_made_again_only_where_something_has_changed(tmp_path):
    target = tmp_path / "lossbook.pdf"
    assert pdf.noted(target, "these pages") is None
    target.write_bytes(b"all of it")
    pdf.note(target, "these pages", "")
    assert pdf.noted(target, "these pages") == ""
    assert pdf.noted(target, "other pages") is None
    target.write_bytes(b"half")
    assert pdf.noted(target, "these pages") is None


def test_what_the_pdf_is_made_of_is_its_pages_and_their_styles(book, tmp_path):
    for name in ("_config.yml", "_toc.yml"):
        (tmp_path / name).write_text("")
    pages = tmp_path / "html"
    shutil.copytree(book.pages, pages, ignore=shutil.ignore_patterns("_static"))
    (pages / "_static").mkdir()
    small, sums = replace(book, pages=pages), set()
    for name in ("part/two.html", "_static/print.css"):
        sums.add(pdf.fingerprint(small, tmp_path))
        (pages / name).write_text("new")
    assert pdf.fingerprint(small, tmp_path) not in sums
    assert len(sums) == 2
