"""Change the address of the repository wherever it stands.

    python tools/repository.py https://github.com/NAME/lossbook

The address of now is read from `repository.url` in `_config.yml`. The README's note
that it is a placeholder is taken out.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import yaml

ROOT = Path(__file__).resolve().parents[1]
NOTE = re.compile(r"<!-- placeholder -->\n.*?<!-- /placeholder -->\n+", re.DOTALL)


def address(root: Path = ROOT) -> str:
    """Return the repository's address."""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    return str(config["repository"]["url"])


def cleaned(url: str) -> str:
    """Return an address as it is written here, or nothing where it is none."""
    url = url.rstrip("/").removesuffix(".git")
    parts = urlsplit(url)
    names = parts.path.split("/")[1:]
    good = parts.scheme == "https" and parts.netloc and len(names) == 2 and all(names)
    return url if good else ""


def change(old: str, new: str, root: Path = ROOT) -> list[str]:
    """Put the new address in the place of the old one; return the files changed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True
    )
    changed = []
    for name in filter(None, listed.stdout.split("\0")):
        try:
            text = (root / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        put = text.replace(old, new)
        if name == "README.md":
            put = NOTE.sub("", put)
        if put != text:
            (root / name).write_text(put, encoding="utf-8")
            changed.append(name)
    return changed


def main() -> int:
    new = cleaned(sys.argv[1]) if len(sys.argv) == 2 else ""
    if not new:
        print("Use: make repository URL=https://github.com/NAME/REPOSITORY")
        return 2
    print(*change(address(), new), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
