"""Follow the links that lead out of the book and out of the texts beside it.

    python tools/links.py

It reads the pages that `make book` built, and asks each address once. The links inside
the book need no network; `make test` follows those.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests
from markdown_it import MarkdownIt
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "_build" / "html"
KEPT = ROOT / "_build" / "links.json"
TEXTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
DAY = 24 * 3600
SECONDS = 20
ASKS = {"User-Agent": "lossbook link check", "Accept": "text/html,*/*;q=0.8"}
# A DOI that exists is a redirection; behind it, publishers turn scripts away.
REGISTERS = ("doi.org", "dx.doi.org")
# Somebody is there, and lets no script in, or not now.
REFUSALS = (401, 403, 405, 406, 418, 429, 451, 503, 999)


class Links(HTMLParser):
    """The addresses outside that a page's own text leads to, without its menus."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.whole = "<article" not in html
        self.depth, self.found = 0, set[str]()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an address."""
        self.depth += tag == "article"
        address = (tag == "a" and dict(attrs).get("href")) or ""
        if (self.whole or self.depth) and address.startswith(("http://", "https://")):
            self.found.add(address)

    def handle_endtag(self, tag: str) -> None:
        """Note where the text ends."""
        self.depth -= tag == "article"


class Names(HTMLParser):
    """The places on a page that a link may lead to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found = set[str]()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a name; GitHub puts a word before those of its texts."""
        for key, value in attrs:
            if key in ("id", "name") and value:
                self.found |= {value, value.removeprefix("user-content-")}


@dataclass(frozen=True)
class Answer:
    """What came of asking for an address."""

    address: str
    kind: str  # "good", "refused", "broken" or "silent"
    note: str = ""


def links(pages: Path = PAGES) -> dict[str, list[str]]:
    """Return every address outside, with the files that name it."""
    found: dict[str, list[str]] = {}
    for path in sorted(pages.rglob("*.html")):
        for address in Links(path.read_text(encoding="utf-8")).found:
            found.setdefault(address, []).append(path.relative_to(pages).as_posix())
    for name in TEXTS:
        html = MarkdownIt().render((ROOT / name).read_text(encoding="utf-8"))
        for address in Links(html).found:
            found.setdefault(address, []).append(name)
    return dict(sorted(found.items()))


def request(address: str) -> Answer:
    """Ask for an address once."""
    parts = urlsplit(address)
    follow = parts.hostname not in REGISTERS
    with requests.get(
        address, headers=ASKS, timeout=SECONDS, allow_redirects=follow, stream=True
    ) as reply:
        status = f"{reply.status_code} {reply.reason}"
        if reply.status_code in REFUSALS:
            return Answer(address, "refused", status)
        if reply.status_code >= 400:
            return Answer(address, "broken", status)
        is_page = "html" in reply.headers.get("Content-Type", "")
        place = unquote(parts.fragment)
        if place and is_page and place not in Names(reply.text).found:
            return Answer(address, "broken", f"no #{place} on that page")
    return Answer(address, "good")


def ask(address: str, pause: float = 2.0) -> Answer:
    """Ask for an address, and once more where nobody answered."""
    for wait in (pause, 0.0):
        try:
            answer = request(address)
            if not answer.note.startswith("5"):
                return answer
        except requests.RequestException as error:
            answer = Answer(address, "silent", type(error).__name__)
        time.sleep(wait)
    return answer


def ask_all(addresses: list[str], how: Callable[[str], Answer]) -> Iterator[Answer]:
    """Ask many hosts at a time, and each of them one thing after the other."""
    hosts: dict[str, list[str]] = {}
    for address in addresses:
        hosts.setdefault(urlsplit(address).netloc, []).append(address)
    with ThreadPoolExecutor(8) as threads:
        first = [threads.submit(how, each[0]) for each in hosts.values()]
        answers = [done.result() for done in as_completed(first)]
        yield from answers
        if all(answer.kind == "silent" for answer in answers):
            return  # no network: the others would only take longer
        rest = [
            threads.submit(lambda each=each: [how(a) for a in each[1:]])
            for each in hosts.values()
        ]
        for done in as_completed(rest):
            yield from done.result()


def remembered() -> dict[str, float]:
    """Return the addresses that were good today, and when."""
    try:
        kept = json.loads(KEPT.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return {name: when for name, when in kept.items() if time.time() - when < DAY}


def remember(good: dict[str, float]) -> None:
    """Write down the good addresses, in one piece."""
    half = KEPT.with_suffix(".half")
    half.write_text(json.dumps(good, indent=1), encoding="utf-8")
    os.replace(half, KEPT)


def report(answers: list[Answer], where: dict[str, list[str]]) -> int:
    """Say what is wrong and what nobody could see; return the exit status."""
    words = {
        "broken": "BROKEN",
        "silent": "NO ANSWER",
        "refused": "refused to a script, look yourself",
    }
    for kind, word in words.items():
        for answer in (a for a in answers if a.kind == kind):
            files = ", ".join(where[answer.address])
            print(f"{word} ({answer.note}): {answer.address} in {files}")
    counts = {kind: sum(a.kind == kind for a in answers) for kind in ("good", *words)}
    print(
        f"{len(answers)} links asked: {counts['good']} good, {counts['broken']} broken,"
        f" {counts['silent']} without an answer, {counts['refused']} refused."
    )
    return 1 if counts["broken"] or counts["silent"] else 0


def check(where: dict[str, list[str]], how: Callable[[str], Answer] = ask) -> int:
    """Ask for every address that was not good today; return the exit status."""
    good = remembered()
    new = [address for address in where if address not in good]
    print(f"{len(where)} links lead outside; {len(where) - len(new)} were good today.")
    answers = list(tqdm(ask_all(new, how), total=len(new), unit="link", disable=None))
    if new and all(answer.kind in ("silent", "refused") for answer in answers):
        print(
            f"NO NETWORK? {len(answers)} links were asked, and none gave a page "
            f"(the first: {answers[0].note}). Nothing new is known about {len(new)} "
            "links: run make links again where the network can be reached."
        )
        return 2
    now = time.time()
    remember({**good, **{a.address: now for a in answers if a.kind == "good"}})
    return report(answers, where)


def main() -> int:
    where = links()
    if not any(PAGES.rglob("*.html")):
        print("There are no pages to read: run make book first.")
        return 2
    return check(where)


if __name__ == "__main__":
    raise SystemExit(main())
