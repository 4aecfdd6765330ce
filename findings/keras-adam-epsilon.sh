#!/usr/bin/env bash
# The same epsilon in the Adam of Keras and of Optax.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  keras==3.15.1 jax==0.10.2 numpy==2.4.6 optax==0.2.8 || exit 2
cd "$tmp"
if KERAS_BACKEND=jax "$tmp/venv/bin/python" - <<'EOF'
import sys

import jax.numpy as jnp
import keras
import optax

print("keras", keras.__version__, "optax", optax.__version__)
print("One would expect: with the same rate, betas and epsilon, the first steps agree;")
print("for a gradient of 1e-8 and epsilon 1e-7 that is 1 / 11 of the rate.")
gradient = jnp.array([1e-8])
v = keras.Variable([0.0])
adam = keras.optimizers.Adam(1.0, epsilon=1e-7)
adam.build([v])
adam.apply([gradient], [v])
other = optax.adam(1.0, eps=1e-7)
step = other.update(gradient, other.init(jnp.zeros(1)))[0].item()
ratio = step / v.numpy().item()
print("What happens: Keras adds epsilon before it corrects the bias, so that it counts")
print("1 / sqrt(1 - beta_2) = 31.6 times as much in the first step.")
print("Keras", v.numpy().item(), "Optax", step, "ratio", ratio)
sys.exit(not abs(ratio - 28.84) < 0.05)
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
