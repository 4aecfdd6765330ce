#!/usr/bin/env bash
# Class weights in a focal loss.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  torch==2.13.0 numpy==2.4.6 fastai==2.8.12 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys

import fastai
import torch
from fastai.losses import FocalLoss

print("fastai", fastai.__version__)
print("One would expect: a class weight of 4 makes the losses of its class 4 times")
print("as large.")
logits, label = torch.zeros(1, 2), torch.tensor([0])
options = {"gamma": 2.0, "reduction": "none"}
plain = FocalLoss(**options)(logits, label).item()
weighted = FocalLoss(weight=torch.tensor([4.0, 1.0]), **options)(logits, label).item()
print("What happens: the probability is read back from the weighted loss, p^4, and the")
print("focal factor takes the example for a hard one.")
print("ratio", weighted / plain)
sys.exit(not abs(weighted / plain - 4 * (1 - 0.5**4) ** 2 / 0.25) < 1e-3)
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
