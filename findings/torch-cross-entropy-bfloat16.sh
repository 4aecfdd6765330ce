#!/usr/bin/env bash
# The mean of a cross-entropy from bfloat16 logits on a CPU.
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
print("One would expect: the mean of equal losses is that loss, rounded to bfloat16.")
logits = torch.zeros(1000, 10, dtype=torch.bfloat16)
labels = torch.zeros(1000, dtype=torch.long)
mean = F.cross_entropy(logits, labels).item()
each = F.cross_entropy(logits, labels, reduction="none")
print("What happens: the mean is below every single one of them.")
print("ln 10 is 2.3026; each loss", set(each.tolist()), "their mean", mean)
sys.exit(not (set(each.tolist()) == {2.296875} and mean < 2.29))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
