"""The one thing that pyproject.toml cannot say: the README as PyPI shows it.

A relative link or picture leads nowhere there. It becomes an address in the repository,
at the tag of this version, so that it shows the same in ten years.
"""

import re
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).resolve().parent
# [text](target) and ![alt](target), where the target is a file of the repository.
RELATIVE = re.compile(r"(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)\s]+)\)")


def found(pattern: str, name: str) -> str:
    """Return what a pattern catches in a file."""
    match = re.search(pattern, (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    assert match, f"{name} holds nothing like {pattern}"
    return match[1]


def description() -> str:
    """Return the README with addresses in the place of relative links."""
    repository = found(r'^Homepage = "(.+)"$', "pyproject.toml")
    tag = "v" + found(r'^__version__ = "(.+)"$', "lossbook/__init__.py")

    def absolute(link: re.Match[str]) -> str:
        kind = "raw" if link[1] else "blob"
        return f"{link[1]}[{link[2]}]({repository}/{kind}/{tag}/{link[3]})"

    return RELATIVE.sub(absolute, (ROOT / "README.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    setup(long_description=description(), long_description_content_type="text/markdown")
