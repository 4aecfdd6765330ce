#!/usr/bin/env bash
# What a compiled mean of losses holds in memory on a CPU, with and without a no-op.
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

N = 2**20
print("jax", jax.__version__)
print("One would expect: jit makes one loop of an elementwise formula and its gradient,")
print("and to choose x where x == x and NaN elsewhere, which is x, changes nothing.")


def plain(z, y):
    size = jnp.maximum(z, 0) * (1 - y) - jnp.minimum(z, 0) * y
    return size + jnp.log1p(jnp.exp(-jnp.abs(z)))


def chosen(z, y):
    x = plain(z, y)
    return jnp.where(x == x, x, jnp.nan)


def arrays_held(loss):
    step = jax.jit(jax.value_and_grad(lambda z, y: loss(z, y).mean()))
    vector = jax.ShapeDtypeStruct((N,), jnp.float32)
    memory = step.lower(vector, vector).compile().memory_analysis()
    return memory.temp_size_in_bytes / (4 * N)


held = arrays_held(plain), arrays_held(chosen)
print(f"arrays held beside the result: {held[0]:.1f}, with the choice {held[1]:.1f}")
print("What happens: a long sum is compiled apart, with the last steps before it, and")
print("what those need is written to memory first. A choice keeps them in the loop.")
sys.exit(not (held[0] > held[1] + 0.9 and held[0] >= 2))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
