#!/usr/bin/env bash
# The largest and the smallest number of a block after Q4_0.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  gguf==0.19.0 numpy==2.4.6 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys
from importlib.metadata import version

import numpy as np
from gguf import GGMLQuantizationType, quants

print("gguf", version("gguf"))
print("One would expect: the sign does not matter: 1 and -1 are rounded to opposite")
print("numbers, and the order in the block is of no consequence.")
q4, found = GGMLQuantizationType.Q4_0, []
for first in (1.0, -1.0):
    block = np.zeros((1, 32), np.float32)
    block[0, :2] = first, -first
    found.append(quants.dequantize(quants.quantize(block, q4), q4)[0, :2].tolist())
print("What happens: the scale has a sign, that of the first number of the largest")
print("size; there are eight steps its way, seven the other: its opposite is cut.")
print("1, -1:", found[0], " -1, 1:", found[1])
sys.exit(found != [[1.0, -0.875], [-1.0, 0.875]])
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
