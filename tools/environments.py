"""Virtual environments beside `.venv`, made from nothing, as a stranger's are."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# With these, another Python would find the packages or the settings of this one.
OURS = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV")
REMEMBERED = "installed.txt"


def python_of(folder: Path) -> Path:
    """Return the interpreter of a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def variables(**added: str) -> dict[str, str]:
    """Return the environment variables of now, less what leads back to this Python."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    if kept.get("LOSSBOOK_DATA"):  # what is run elsewhere looks there all the same
        kept["LOSSBOOK_DATA"] = os.path.abspath(kept["LOSSBOOK_DATA"])
    return {**kept, **added}


def pip(folder: Path, *arguments: str) -> str:
    """Run pip in a virtual environment; return what it says."""
    command = [str(python_of(folder)), "-m", "pip", "--disable-pip-version-check"]
    run = subprocess.run(
        [*command, *arguments],
        env=variables(),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if run.returncode:
        raise SystemExit(f"pip {' '.join(arguments)}: failed, see above for the cause")
    return run.stdout


def git(*arguments: str, cwd: Path = ROOT) -> str:
    """Run git in a checkout; return what it says."""
    run = subprocess.run(
        ["git", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise SystemExit(
            f"git {' '.join(arguments)}: {run.stderr.strip()}\n"
            "Run this in a git checkout with at least one commit."
        )
    return run.stdout.strip()


def prepare(folder: Path, *wanted: str, key: str = "", hours: float = 1e9) -> None:
    """Make a virtual environment with what is wanted, unless it is there already.

    It is made anew where something else was installed, where ``key`` has changed, and
    after so many hours, because what pip resolves changes without us.
    """
    remembered = folder / REMEMBERED
    label = "\n".join([sys.version, *wanted, key])
    if (
        remembered.exists()
        and remembered.read_text(encoding="utf-8") == label
        and time.time() - remembered.stat().st_mtime < hours * 3600
    ):
        return
    print(f"Making {folder.name}: {' '.join(wanted)} ...", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    pip(folder, "install", "--quiet", "--upgrade", *wanted)
    # Written last and in one piece: an environment that broke off is made again.
    half = folder / (REMEMBERED + ".half")
    half.write_text(label, encoding="utf-8")
    os.replace(half, remembered)


def forget(folder: Path) -> None:
    """Have the environment made anew the next time."""
    (folder / REMEMBERED).unlink(missing_ok=True)


def frozen(folder: Path) -> dict[str, str]:
    """Return what is installed: for each package, the line that pip would need."""
    lines = pip(folder, "freeze").splitlines()
    names = (line.replace("==", " @ ").split(" @ ")[0].lower() for line in lines)
    return dict(zip(names, lines, strict=True))
