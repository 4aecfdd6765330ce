#!/usr/bin/env bash
# A rounding error that is corrected by hand, eagerly and under jax.jit.
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

print("jax", jax.__version__)
print("One would expect: jax.jit leaves a program its digits. The usual way to log(1 + x)")
print("divides by what became of x when 1 + x was rounded.")


def log1p(x):
    u = 1 + x
    return x * jnp.log(u) / (u - 1)


x = np.float32(1e-4)
eager, jitted, exact = float(log1p(x)), float(jax.jit(log1p)(x)), np.log1p(np.float64(x))
print("What happens: the compiler takes (1 + x) - 1 for x, and the correction is gone.")
print("relative error, eager:", f"{eager / exact - 1:.1e}", "jit:", f"{jitted / exact - 1:.1e}")
sys.exit(not (abs(eager / exact - 1) < 1e-6 and abs(jitted / exact - 1) > 1e-4))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
