#!/usr/bin/env bash
# mean_with_sample_weight when a weight covers several losses.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  keras==3.15.1 jax==0.10.2 numpy==2.4.6 || exit 2
cd "$tmp"
if KERAS_BACKEND=jax "$tmp/venv/bin/python" - <<'EOF'
import sys

import keras
import numpy as np

print("keras", keras.__version__)
print("One would expect: weights that are broadcast give the mean of the same weights")
print("written out, and a weight of 2 for all leaves the mean 15.1667 as it is.")
loss = keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")
y, p = np.zeros((2, 3, 1), "float32"), np.arange(1.0, 7.0).reshape(2, 3, 1)
short, long = np.array([[1.0], [2.0]]), np.array([[1.0] * 3, [2.0] * 3])
found = [round(float(loss(y, p, sample_weight=w)), 4) for w in (long, short, 2.0)]
print("What happens: the sum is divided by the weights as they were passed.")
print("written out", found[0], "(2, 1)", found[1], "the number 2", found[2])
sys.exit(found != [18.6667, 56.0, 91.0])
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
