#!/usr/bin/env bash
# exp of a large number and a subtraction, one by one and in one program, on a CPU.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  jax==0.10.2 numpy==2.4.6 || exit 2
cd "$tmp"
if JAX_PLATFORMS=cpu "$tmp/venv/bin/python" - <<'EOF'
import sys

import jax
import jax.numpy as jnp
import numpy as np

print("jax", jax.__version__)
print("One would expect: exp(200) is infinite in float32, so that exp(200) - 3e38 is")
print("too, and exp(inf) - inf is NaN, with jit and without.")


def difference(x, y):
    return jnp.exp(x) - y


x, y = jnp.array([200.0, jnp.inf]), jnp.array([3e38, jnp.inf])
plain, compiled = difference(x, y), jax.jit(difference)(x, y)
print("one by one:", plain)
print("jit:       ", compiled)
print("What happens: the last step of the exponential and the subtraction become one")
print("operation, which does not round between them, so that nothing overflows.")
expected = np.isinf(plain[0]) and np.isnan(plain[1])
sys.exit(not (expected and np.isfinite(compiled[0]) and compiled[1] == -np.inf))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
