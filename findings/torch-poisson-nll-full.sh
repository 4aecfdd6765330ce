#!/usr/bin/env bash
# The full Poisson loss around a target of 1.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  torch==2.13.0 numpy==2.4.6 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys

import torch
import torch.nn.functional as F

print("torch", torch.__version__)
print("One would expect: full=True adds ln(y!), which is continuous in y,")
print("so that targets of 1 and of 1.0001 cost nearly the same.")
targets = torch.tensor([0.9999, 1.0, 1.0001])
loss = F.poisson_nll_loss(torch.zeros(3), targets, full=True, reduction="none").tolist()
print("What happens: the term is left out up to 1, and Stirling's approximation above:")
print("the loss falls by 0.08 there.")
print(loss)
sys.exit(not (abs(loss[1] - 1) < 1e-6 and abs(loss[2] - 0.919) < 1e-3))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
