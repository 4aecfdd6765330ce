from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def in_own_process(module: str, *options: str, **variables: str) -> dict[str, Any]:
    """Run a benchmark in a process of its own; return the JSON of its last line.

    Its environment is this one with the variables that are given.
    """
    command = [sys.executable, "-m", module, *options]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables},
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def peak_during(step: Callable[[], T]) -> tuple[int, T]:
    """Return by how many bytes the memory of this process peaks, and the result.

    As Linux counts resident memory: over what the process held before the step.
    """
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    before = _resident("VmRSS")
    result = step()
    return _resident("VmHWM") - before, result


def _resident(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return 1024 * int(line.split()[1])
    raise RuntimeError(f"no {key} in /proc/self/status")
