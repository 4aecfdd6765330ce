#!/usr/bin/env bash
# TripletMarginLoss on embeddings of different length.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  torch==2.13.0 numpy==2.4.6 pytorch-metric-learning==2.9.0 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys
from importlib.metadata import version

import torch
from pytorch_metric_learning.losses import TripletMarginLoss

print("pytorch-metric-learning", version("pytorch-metric-learning"))
print("One would expect: distances in the units of the embeddings, as in PyTorch.")
labels = torch.tensor([0, 0, 1])
near = torch.tensor([[3.0, 4.0], [3.0, 4.1], [3.0, 4.2]])
far = near * torch.tensor([[1.0], [100.0], [1.0]])
loss = TripletMarginLoss(margin=0.05)
a, b = loss(near, labels).item(), loss(far, labels).item()
anchor, positive, negative = far
torchs = torch.nn.TripletMarginLoss(margin=0.05)(anchor, positive, negative).item()
print("What happens: every embedding is divided by its length first, so a positive")
print("that lies 100 times as far out costs no more.")
print("positive near:", a, "100 times as far:", b, "PyTorch there:", torchs)
sys.exit(not (abs(a - b) < 1e-5 and torchs > 400))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
