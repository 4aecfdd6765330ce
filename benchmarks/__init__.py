from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def in_own_process(module: str, *options: str) -> dict[str, Any]:
    """Run a benchmark in a process of its own; return the JSON of its last line."""
    command = [sys.executable, "-m", module, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result
