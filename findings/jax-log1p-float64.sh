#!/usr/bin/env bash
# log1p in float64, near -0.41.
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

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)
print("jax", jax.__version__)
print("One would expect: a function that exists for its digits has them: log1p is off by")
print("one or two units in the last place, as in NumPy.")
x = np.linspace(-0.5, 0.5, 100_001)
exact = np.log1p(x)
units = np.abs(np.asarray(jnp.log1p(x)) - exact) / np.spacing(np.abs(exact) + 1e-300)
print("What happens: in float64 on a CPU more than a hundred units, near -0.414.")
print("largest error:", units.max(), "units at", float(x[units.argmax()]))
sys.exit(not (units.max() > 100 and abs(x[units.argmax()] + 0.414) < 1e-3))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
