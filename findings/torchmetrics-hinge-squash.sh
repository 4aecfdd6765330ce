#!/usr/bin/env bash
# HingeLoss of scores inside and outside of [0, 1].
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  torch==2.13.0 numpy==2.4.6 torchmetrics==1.9.0 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys

import torch
import torchmetrics
from torchmetrics.classification import BinaryHingeLoss

print("torchmetrics", torchmetrics.__version__)
print("One would expect: a score that grows by 0.0001 changes the mean hinge loss")
print("by at most 0.0001.")
y = torch.tensor([1, 0])
scores = torch.tensor([[1.0, 0.0], [1.0001, 0.0]])
a, b = (BinaryHingeLoss()(s, y).item() for s in scores)
print("What happens: as soon as one score of a batch leaves [0, 1], all of that batch")
print("go through a sigmoid, so the split into batches decides too.")
print("scores 1 and 0:", a, "scores 1.0001 and 0:", b)
sys.exit(not (a == 0.5 and abs(b - 0.8845) < 1e-4))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
