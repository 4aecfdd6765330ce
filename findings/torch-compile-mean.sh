#!/usr/bin/env bash
# The mean loss of an untrained classifier, before and after torch.compile, on a CPU.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  torch==2.13.0 numpy==2.4.6 || exit 2
cd "$tmp"
command -v c++ > /dev/null || { echo "This needs a C++ compiler."; exit 2; }
if "$tmp/venv/bin/python" - <<'EOF'
import math
import sys

import torch
from torch.nn.functional import binary_cross_entropy_with_logits as bce

print("torch", torch.__version__)
print("One would expect: compiled or not, a mean loss differs by a few units in the")
print("last place at most.")
torch.set_num_threads(1)
logits, labels = torch.zeros(2**20), torch.ones(2**20)
place = 2.0**-24
off = {}
for name, loss in {"as it is": bce, "compiled": torch.compile(bce)}.items():
    found = loss(logits, labels).item()
    off[name] = abs(found - math.log(2)) / place
    print(f"{name}: {found:.7f}, off by {off[name]:.0f} units; ln 2 is {math.log(2):.7f}")
print("What happens: the compiled loop adds up the losses one by one in float32.")
sys.exit(not (off["as it is"] < 10 and off["compiled"] > 100))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
