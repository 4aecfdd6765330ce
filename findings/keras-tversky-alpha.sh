#!/usr/bin/env bash
# What alpha weighs in Keras's Tversky loss.
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
print("One would expect: alpha weighs false positives, as the documentation says.")
half_missed = np.array([[1.0, 1.0]]), np.array([[1.0, 0.0]])
half_too_much = np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]])
loss = keras.losses.Tversky(alpha=0.2, beta=0.8)
missed, too_much = (round(float(loss(*pair)), 4) for pair in (half_missed, half_too_much))
print("What happens: alpha weighs what is missed, and beta what is too much.")
print("a miss", missed, "(.2 / 1.2), a false positive", too_much, "(.8 / 1.8)")
sys.exit((missed, too_much) != (0.1667, 0.4444))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
