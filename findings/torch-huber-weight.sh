#!/usr/bin/env bash
# Which mean the weight= of a regression loss in PyTorch asks for.
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
print("One would expect: weight= means the same for mse_loss, l1_loss and huber_loss,")
print("so with errors below delta the Huber loss is half of the squared error.")
y, p, w = torch.tensor([1.0, 2.0]), torch.zeros(2), torch.tensor([1.0, 3.0])
mse = F.mse_loss(p, y, weight=w).item()
huber = F.huber_loss(p, y, delta=10.0, weight=w).item()
print("What happens: mse_loss divides by the sum of the weights, huber_loss by n.")
print("mse_loss", mse, "huber_loss", huber, "and not", mse / 2)
sys.exit((mse, huber) != (3.25, 3.25))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
