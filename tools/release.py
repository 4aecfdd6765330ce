"""See that a release is one: version, date, tag and address say the same.

    python tools/release.py check [TAG]
    python tools/release.py notes

The version stands in `lossbook/__init__.py`, its date in the heading of CHANGELOG.md.
`check` names each file that says something else, `notes` prints what is new.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml
from repository import NOTE, address

ROOT = Path(__file__).resolve().parents[1]
# Number, then the date, or the word "unreleased" while the version is in the making.
HEADING = re.compile(r"^## (\S+) - (\S+)$", re.MULTILINE)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Entry:
    """What the changelog says about one version."""

    version: str
    date: str
    text: str


def read(root: Path, name: str) -> str:
    return (root / name).read_text(encoding="utf-8")


def version(root: Path = ROOT) -> str:
    """Return the version of the package, without importing it."""
    source = read(root, "lossbook/__init__.py")
    found = re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    assert found, "lossbook/__init__.py sets no __version__"
    return found[1]


def newest(root: Path = ROOT) -> Entry:
    """Return the changelog's first entry."""
    parts = HEADING.split(read(root, "CHANGELOG.md"))
    assert len(parts) >= 4, "CHANGELOG.md has no heading like: ## 1.2.3 - 2026-01-31"
    return Entry(parts[1], parts[2], parts[3].strip())


def disagreements(root: Path = ROOT) -> list[str]:
    """Return what contradicts the version and its date, released or not."""
    number, entry = version(root), newest(root)
    citation = yaml.safe_load(read(root, "CITATION.cff"))
    dated = DATE.fullmatch(entry.date)
    found = []
    if entry.version != number:
        found.append(f"CHANGELOG.md: its first entry is {entry.version}, not {number}")
    if not dated and entry.date != "unreleased":
        found.append(f"CHANGELOG.md: {entry.date} is neither a date nor 'unreleased'")
    if str(citation.get("version")) != number:
        found.append(
            f"CITATION.cff: version is {citation.get('version')}, not {number}"
        )
    date = str(citation.get("date-released", "unreleased"))
    if date != entry.date:
        found.append(f"CITATION.cff: date-released is {date}, not {entry.date}")
    return found


def hindrances(root: Path = ROOT, tag: str = "") -> list[str]:
    """Return what stands against a release, of a tag or of what will be tagged."""
    found = disagreements(root)
    if newest(root).date == "unreleased":
        found.append("CHANGELOG.md: put the date in the place of 'unreleased'")
    if tag and tag != f"v{version(root)}":
        found.append(f"the tag is {tag}, and the version makes it v{version(root)}")
    here = os.environ.get("GITHUB_REPOSITORY", "")
    if here and not address(root).endswith(f"/{here}"):
        found.append(f"_config.yml: the repository is {address(root)}, not {here}")
    if NOTE.search(read(root, "README.md")):
        found.append("README.md: it says that the address is a placeholder")
    return found


def main() -> int:
    command, *rest = sys.argv[1:] or [""]
    if command == "notes" and not rest:
        print(newest().text)
        return 0
    if command != "check" or len(rest) > 1:
        print(__doc__.partition("\n\n")[2].partition("\n\n")[0])
        return 2
    found = hindrances(ROOT, *rest)
    print(*(found or [f"{version()} of {newest().date} can be released"]), sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
