"""Run the book's notebooks and store their outputs.

    python tools/execute.py [NOTEBOOK ...]

Without arguments it runs all of them. A notebook is written only when it has run to its
end, in one piece, so that an interrupted run leaves the last good one.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import nbformat
from nbclient import NotebookClient
from tqdm import tqdm

BOOK = Path(__file__).resolve().parents[1] / "book"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def notebooks() -> list[Path]:
    """Return every notebook of the book."""
    found = sorted(BOOK.rglob("*.ipynb"))
    return [path for path in found if ".ipynb_checkpoints" not in path.parts]


def execute(path: Path) -> float:
    """Run one notebook in its folder, store it, and return the seconds it took."""
    notebook = nbformat.read(path, as_version=4)
    # TensorFlow logs to the process's stderr, which would end up in the outputs.
    client = NotebookClient(
        notebook,
        timeout=600,
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--IPKernelApp.capture_fd_output=False"],
        coalesce_streams=True,
        record_timing=False,
    )
    start = perf_counter()
    client.execute()
    notebook.metadata = {
        "kernelspec": KERNEL,
        "language_info": {"name": "python"},
    }
    store(notebook, path)
    return perf_counter() - start


def store(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write to a file beside it and put that in its place."""
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, suffix=".tmp", delete=False, encoding="utf-8"
    ) as file:
        nbformat.write(notebook, file)
    Path(file.name).chmod(0o644)
    os.replace(file.name, path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path)
    chosen = [p.resolve() for p in parser.parse_args().notebooks] or notebooks()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    bar = tqdm(chosen, unit="notebook", disable=not sys.stderr.isatty())
    for path in bar:
        bar.set_description(path.stem)
        seconds = execute(path)
        # A copy elsewhere is run too: colab.py does that.
        name = path.relative_to(BOOK) if path.is_relative_to(BOOK) else path.name
        print(f"{name}: {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
