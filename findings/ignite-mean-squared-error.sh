#!/usr/bin/env bash
# MeanSquaredError of predictions with several columns.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  torch==2.13.0 numpy==2.4.6 pytorch-ignite==0.5.5 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys

import ignite
import torch
from ignite.metrics import Loss, MeanSquaredError

print("ignite", ignite.__version__)
print("One would expect: six errors of 1 have the mean squared error 1,")
print("and the metric agrees with Loss(torch.nn.functional.mse_loss).")
batch = torch.ones(2, 3), torch.zeros(2, 3)
found = []
for metric in (MeanSquaredError(), Loss(torch.nn.functional.mse_loss)):
    metric.reset()
    metric.update(batch)
    found.append(metric.compute())
print("What happens: the sum is divided by the number of rows, not of errors.")
print("MeanSquaredError", found[0], "Loss(mse_loss)", found[1])
sys.exit(found != [3.0, 1.0])
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
