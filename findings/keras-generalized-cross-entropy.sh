#!/usr/bin/env bash
# One-hot rows in CategoricalGeneralizedCrossEntropy.
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
print("One would expect: losses named Categorical take one-hot rows, those named")
print("SparseCategorical take integers; (1 - 0.9**0.5) / 0.5 is 0.1026 here.")
loss = keras.losses.CategoricalGeneralizedCrossEntropy()
p = np.array([[0.1, 0.9]], "float32")
one_hot = float(loss(np.array([[0, 1]]), p))
integer = float(loss(np.array([1]), p))
print("What happens: it takes integers, and encodes a one-hot row once more.")
print("one-hot", one_hot, "integer", integer)
sys.exit(not (abs(one_hot - 0.7351) < 1e-3 and abs(integer - 0.1026) < 1e-3))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
