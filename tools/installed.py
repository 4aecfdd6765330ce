"""Install the built wheel where the checkout is out of sight, and test it there.

    python tools/installed.py [--workers N] [PYTEST ARGUMENT ...]

It takes the wheel and the sdist that `make package` left in `dist`. The tests read
notebooks and settings too, so they run in a copy of the repository less the package.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path

from environments import ROOT, git, pip, prepare, python_of, variables

FOLDER = ROOT / ".wheel"
EXTRAS = "torch,tensorflow,jax,test"
WHERE = """
import lossbook, sysconfig
print(lossbook.__file__, sysconfig.get_path("purelib"), sep="\\n")
"""


def built(kind: str) -> Path:
    """Return the one file of a kind in `dist`."""
    found = sorted((ROOT / "dist").glob(f"lossbook-*{kind}"))
    if len(found) != 1:
        raise SystemExit(f"dist holds {len(found)} files {kind}: run make package")
    return found[0]


def tracked() -> list[str]:
    """Return the files of the repository, those of today's work included."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = sorted(set(filter(None, listed.split("\0"))))
    return [name for name in names if (ROOT / name).is_file()]


def faults(wheel: set[str], sdist: set[str], package: set[str]) -> list[str]:
    """Return what is missing in the built files, and what should not be there."""
    inside = {name for name in wheel if ".dist-info/" not in name}
    needed = {*package, "LICENSE", "README.md", "pyproject.toml"}
    besides = {name for name in sdist if name.startswith(("book/", "tests/", "tools/"))}
    return [
        *(f"not in the wheel: {name}" for name in sorted(package - inside)),
        *(f"in the wheel, not in the package: {n}" for n in sorted(inside - package)),
        *(f"not in the sdist: {name}" for name in sorted(needed - sdist)),
        *(f"in the sdist without need: {name}" for name in sorted(besides)),
    ]


def check_contents() -> None:
    """Refuse a wheel or an sdist that does not hold what it should."""
    package = {name for name in tracked() if name.startswith("lossbook/")}
    assert "lossbook/py.typed" in package
    with zipfile.ZipFile(built(".whl")) as file:
        wheel = set(file.namelist())
    with tarfile.open(built(".tar.gz")) as file:
        sdist = {name.partition("/")[2] for name in file.getnames()}
    found = faults(wheel, sdist, package)
    if found:
        raise SystemExit("\n".join([*found, "run make package, then look again"]))
    print(f"wheel and sdist hold the {len(package)} files of the package")


def install() -> None:
    """Install the wheel with the extras that the tests need, and nothing of ours."""
    described = [ROOT / "pyproject.toml", ROOT / "constraints.txt"]
    key = hashlib.sha256(b"".join(path.read_bytes() for path in described)).hexdigest()
    wheel = built(".whl")
    wanted = f"{wheel}[{EXTRAS}]"
    # The packages that it needs stay while the files that name them do.
    prepare(FOLDER, "-c", str(described[1]), wanted, key=key)
    pip(FOLDER, "install", "-q", "--force-reinstall", "--no-deps", str(wheel))


def copy_less_the_package(folder: Path) -> None:
    """Copy what the tests read, so that only the installed package can be imported."""
    for name in tracked():
        if not name.startswith("lossbook/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def check_origin(folder: Path) -> None:
    """Refuse to test anything but what was installed."""
    command = [str(python_of(FOLDER)), "-c", WHERE]
    said = subprocess.check_output(command, cwd=folder, env=variables(), text=True)
    file, packages = said.splitlines()
    assert Path(packages) in Path(file).parents, f"lossbook comes from {file}"
    print(f"lossbook comes from {Path(file).relative_to(ROOT)}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workers", default="2")
    options, arguments = parser.parse_known_args()
    check_contents()
    install()
    with tempfile.TemporaryDirectory(prefix="wheel-") as name:
        copy_less_the_package(Path(name))
        check_origin(Path(name))
        tests = arguments or ["tests", "--ignore", "tests/site"]
        spread = ["-n", options.workers, "--dist", "worksteal"]
        run = subprocess.run(
            [str(python_of(FOLDER)), "-m", "pytest", *tests, *spread],
            cwd=name,
            env=variables(),
            check=False,
        )
    return run.returncode


if __name__ == "__main__":
    raise SystemExit(main())
