#!/usr/bin/env bash
# Class weights of labels that have two axes.
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
print("One would expect: of labels (2, 3), one a step of time, each weighs what its")
print("class does, or they are refused. All are 0 but one 1, so a weight is 10.")
labels = np.array([[0, 0, 1], [0, 0, 0]])
model = keras.Sequential(
    [keras.layers.Input((3,)), keras.layers.Dense(3, kernel_initializer="zeros")]
)
model.compile("sgd", "mse")
history = model.fit(
    np.zeros((2, 3)), labels, class_weight={0: 1.0, 1: 10.0, 2: 100.0}, verbose=0
)
weight = round(6 * history.history["loss"][0], 4)  # the loss is weight / 3 / 2 rows
print("What happens: they count as one-hot, so the place of the 1 is its class.")
print("weight of the row with the 1:", weight)
sys.exit(weight != 100.0)
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
