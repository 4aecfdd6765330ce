#!/usr/bin/env bash
# A mask and the caller's weights on the torch backend.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  keras==3.15.1 torch==2.13.0 numpy==2.4.6 || exit 2
cd "$tmp"
if KERAS_BACKEND=torch "$tmp/venv/bin/python" - <<'EOF'
import sys

import keras
import torch

print("keras", keras.__version__, "torch", torch.__version__)
print("One would expect: calling a loss twice gives the same number twice.")
p = torch.tensor([[1.0], [2.0], [3.0]])
p._keras_mask = torch.tensor([True, True, False])
weight = torch.tensor([1.0, 1.0, 1.0])
loss = keras.losses.MeanSquaredError()
found = [loss(torch.zeros(3, 1), p, sample_weight=weight).item() for _ in range(3)]
print("What happens: the mask is multiplied into the caller's tensor, in place.")
print("three calls:", found, "the weights now:", weight.tolist())
sys.exit(not (found[0] < found[1] < found[2] and weight[2] == 0 and weight[0] > 3))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
