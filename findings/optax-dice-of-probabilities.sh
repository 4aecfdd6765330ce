#!/usr/bin/env bash
# binary_dice_loss of probabilities, for which it has a switch.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  jax==0.10.2 optax==0.2.8 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys

import jax
import jax.numpy as jnp
import optax
from optax.losses import binary_dice_loss

print("optax", optax.__version__)
print("One would expect: with apply_sigmoid=False it takes the probabilities of a mask.")
mask = jnp.array([[1.0, 1.0, 0.0, 0.0]])
p = jnp.array([[0.9, 0.6, 0.2, 0.1]])
print("of logits:", binary_dice_loss(jnp.log(p / (1 - p)), mask).tolist())


def ends(run):
    try:
        return run().tolist()
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0][:90]}"


def of_probabilities(p):
    return binary_dice_loss(p, mask, apply_sigmoid=False)


eagerly = ends(lambda: of_probabilities(p))
compiled = ends(lambda: jax.jit(of_probabilities)(p))
ones = ends(lambda: of_probabilities(jnp.ones_like(p)))
print("What happens: it asks that they add up to 1 over an axis of one class, so that only")
print("a mask of ones is taken; under jit it cannot ask, and stops as well.")
print("of probabilities:", eagerly)
print("under jit:", compiled)
print("of ones:", ones)
refused = "ValueError" in str(eagerly) and "TracerBoolConversionError" in str(compiled)
sys.exit(not (refused and isinstance(ones, list)))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
