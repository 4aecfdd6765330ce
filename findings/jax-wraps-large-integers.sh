#!/usr/bin/env bash
# A label that needs 64 bits.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  jax==0.10.2 numpy==2.4.6 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys
import warnings

import jax
import jax.numpy as jnp
import numpy as np

warnings.simplefilter("error")
print("jax", jax.__version__)
print("One would expect: an integer that does not fit into the 32 bits that JAX gives it")
print("by default raises, or warns at least, as 2**32 + 1 does as a number of Python.")
label = jnp.asarray(np.array([2**32 + 1]))
try:
    jnp.asarray(2**32 + 1)
    raises = False
except OverflowError:
    raises = True
print("What happens: in an array of NumPy it becomes 1 without a word, and picks class 1.")
print("the array:", label.tolist(), "the number raises:", raises)
sys.exit(not (label.tolist() == [1] and raises))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
