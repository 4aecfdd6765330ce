#!/usr/bin/env bash
# Class weights with labels as integers and as one-hot rows in PyTorch.
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
print("One would expect: one-hot rows give the loss of the labels that they encode.")
logits = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
labels, weight = torch.tensor([0, 1]), torch.tensor([4.0, 1.0, 1.0])
one_hot = F.one_hot(labels, 3).float()
plain = F.cross_entropy(logits, labels), F.cross_entropy(logits, one_hot)
weighted = [F.cross_entropy(logits, y, weight=weight).item() for y in (labels, one_hot)]
print("What happens: they do, until there are class weights. Then the mean divides by")
print("the sum of weights for labels, and by the number of rows for one-hot rows.")
print("without weights", [v.item() for v in plain], "with weights", weighted)
same = torch.isclose(*plain).item() and abs(weighted[1] / weighted[0] - 2.5) < 1e-5
sys.exit(not same)
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
