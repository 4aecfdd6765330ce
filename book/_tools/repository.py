"""Change the address of the repository wherever it stands.

    python book/_tools/repository.py https://github.com/NAME/lossbook

The address of now is read from `repository.url` in `_config.yml`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlparse

import yaml

ROOT = Path(__file__).resolve().parents[2]


def address() -> str:
    """Return the repository's address."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    return str(config["repository"]["url"])


def change(old: str, new: str) -> list[str]:
    """Put the new address in the place of the old one; return the files changed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    changed = []
    for name in filter(None, listed.stdout.split("\0")):
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        if old in text:
            (ROOT / name).write_text(text.replace(old, new), encoding="utf-8")
            changed.append(name)
    return changed


def main() -> int:
    new = sys.argv[1].rstrip("/") if len(sys.argv) == 2 else ""
    parts = urlparse(new)
    if parts.scheme != "https" or parts.path.count("/") != 2:
        print("Use: make repository URL=https://github.com/NAME/REPOSITORY")
        return 2
    print(*change(address(), new), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
