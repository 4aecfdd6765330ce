"""Rehearse what happens in Colab: each notebook alone, with the newest packages.

    python tools/colab.py [--torch REQUIREMENT] [NOTEBOOK ...]

`.colab` is a virtual environment with what Colab has at hand, in the newest versions
that pip resolves, and without lossbook. Each notebook is copied into an empty folder
and run there. Its setup cell installs lossbook from the address of the repository,
which git finds in this checkout: the commit that is checked out, as the branch `main`.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from environments import (
    ROOT,
    forget,
    frozen,
    git,
    pip,
    prepare,
    python_of,
    variables,
)
from execute import BOOK, notebooks
from repository import address

FOLDER = ROOT / ".colab"
EXECUTE = Path(__file__).with_name("execute.py")
# pip and ipykernel make a notebook run, nbclient stands in for the browser.
TOOLS = ("pip", "ipykernel", "nbclient")
AT_HAND = ("numpy", "matplotlib", "scikit-learn", "pooch", "tqdm", "tensorflow")
SHOWN = ("numpy", "tensorflow", "keras", "torch", "scikit-learn", "scipy", "matplotlib")
HOURS = 24


def chosen(names: list[str]) -> list[Path]:
    """Return the notebooks named, or all of them; refuse what is none of the book."""
    every = notebooks()
    paths = [Path(name).resolve() for name in names]
    for name, path in zip(names, paths, strict=True):
        if path not in every:
            raise SystemExit(
                f"{name} is no notebook of the book. Name one by its path from here, "
                f"such as {os.path.relpath(every[0])}."
            )
    return paths or every


def serve(checkout: Path, bare: Path) -> str:
    """Make a repository whose branch `main` is what is checked out; return its commit.

    It is a commit without parents, on the objects of the checkout. There the branch may
    have another name or none, and the history may be cut short, as CI fetches it: pip
    asks for a partial clone, and of a shallow repository git never gets one.
    """
    objects = git("rev-parse", "--git-path", "objects", cwd=checkout)
    tree = git("rev-parse", "HEAD^{tree}", cwd=checkout)
    git("init", "--quiet", "--bare", "--initial-branch=main", str(bare), cwd=checkout)
    alternates = bare / "objects" / "info" / "alternates"
    alternates.write_text(f"{(checkout / objects).resolve()}\n", encoding="utf-8")
    me = ("-c", "user.name=colab", "-c", "user.email=colab@localhost")
    commit = git(*me, "commit-tree", tree, "-m", "What is checked out", cwd=bare)
    git("update-ref", "refs/heads/main", commit, cwd=bare)
    return commit


def redirect(public: str, local: str) -> dict[str, str]:
    """Return the variables with which git looks in one place for what is at another."""
    count = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    return {
        "GIT_CONFIG_COUNT": str(count + 1),
        f"GIT_CONFIG_KEY_{count}": f"url.{local}.insteadOf",
        f"GIT_CONFIG_VALUE_{count}": public,
    }


def execute(notebook: Path, environment: dict[str, str]) -> str:
    """Run a copy of a notebook in an empty folder; return the error, or nothing."""
    with tempfile.TemporaryDirectory(prefix="colab-") as folder:
        copy = shutil.copy(notebook, folder)
        run = subprocess.run(
            [str(python_of(FOLDER)), str(EXECUTE), copy],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
        )
    return error_in(run.stderr) if run.returncode else ""


def error_in(said: str) -> str:
    """Return the cell and its error, without colours and nbclient's own frames."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    _, _, cell = plain.rpartition("executing the following cell:\n")
    return "\n".join(cell.rstrip().splitlines()[-40:]) or "it ended without a word"


def differences(before: dict[str, str], after: dict[str, str], wanted: str) -> str:
    """Return what the setup cell should have done and has not, or has done besides."""
    if after.get("lossbook") != wanted:
        return f"installed was {after.get('lossbook', 'no lossbook')}, not {wanted}"
    changed = [
        f"{before.get(name, 'no ' + name)} to {after.get(name, 'nothing')}"
        for name in sorted({*before, *after} - {"lossbook"})
        if before.get(name) != after.get(name)
    ]
    # In Colab a change of a package that is already loaded asks for a new start.
    return "the setup cell changed " + ", ".join(changed) if changed else ""


def rehearse(notebook: Path, environment: dict[str, str], wanted: str) -> str:
    """Run one notebook as Colab does; return what went wrong, or nothing."""
    before = frozen(FOLDER)
    if "lossbook" in before:
        pip(FOLDER, "uninstall", "--quiet", "--yes", "lossbook")
        before = frozen(FOLDER)
        assert "lossbook" not in before, f"remove {FOLDER} and start again"
    failure = execute(notebook, environment)
    if failure:
        return failure
    failure = differences(before, frozen(FOLDER), wanted)
    if failure:
        forget(FOLDER)
    return failure


def announce() -> None:
    """Say what is about to be tried: the versions, and the commit."""
    installed = frozen(FOLDER)
    versions = ", ".join(installed[name] for name in SHOWN if name in installed)
    print(f"Python {sys.version.split()[0]}, {versions}")
    commit = git("rev-parse", "--short=12", "HEAD")
    print(f"lossbook is what commit {commit} holds, as {address()}@main")
    if git("status", "--porcelain", "lossbook", "pyproject.toml"):
        print("Not in it: your changes to the package that are not committed.")


def run_all(paths: list[Path], environment: dict[str, str], wanted: str) -> list[str]:
    """Rehearse the notebooks, with a line for each; return those that failed."""
    failed = []
    for number, path in enumerate(paths, 1):
        name = path.relative_to(BOOK).as_posix()
        print(f"{number:2}/{len(paths)} {name:45}", end=" ", flush=True)
        start = perf_counter()
        failure = rehearse(path, environment, wanted)
        word = "FAILED" if failure else "passed"
        print(f"{word} {perf_counter() - start:4.0f} s", flush=True)
        if failure:
            failed.append(name)
            print(failure, flush=True)
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--torch", default="torch", help="what pip installs for torch")
    parser.add_argument("notebooks", nargs="*")
    options = parser.parse_args()
    paths = chosen(options.notebooks)
    with tempfile.TemporaryDirectory(prefix="lossbook-") as folder:
        bare = Path(folder) / "lossbook.git"
        commit = serve(ROOT, bare)
        prepare(FOLDER, *TOOLS, *AT_HAND, options.torch, hours=HOURS)
        announce()
        environment = variables(**redirect(address(), bare.as_uri()))
        wanted = f"lossbook @ git+{address()}@{commit}"
        failed = run_all(paths, environment, wanted)
    print(f"{len(paths) - len(failed)} of {len(paths)} notebooks ran as in Colab.")
    if failed:
        print("Failed: " + ", ".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
