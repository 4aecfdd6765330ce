#!/usr/bin/env bash
# What a learning rate of 0 does to momentum.
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
print("One would expect: with a learning rate of 0 nothing moves.")
sgd = keras.optimizers.SGD(1.0, momentum=0.9)
v = keras.Variable([0.0])
sgd.build([v])
sgd.apply([jnp.ones(1)], [v])
before = v.numpy().item()
sgd.learning_rate = 0.0
sgd.apply([jnp.ones(1)], [v])
moved = v.numpy().item() - before
other = optax.sgd(lambda step: jnp.where(step == 0, 1.0, 0.0), momentum=0.9)
state = other.init(jnp.zeros(1))
for _ in range(2):
    step, state = other.update(jnp.ones(1), state)
print("What happens: Keras keeps the rate of each step inside its velocity, so the")
print("parameter coasts on; PyTorch and Optax multiply by today's rate.")
print("Keras moves by", round(moved, 4), "Optax by", step.item())
sys.exit(not (abs(moved + 0.9) < 1e-6 and step.item() == 0))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
