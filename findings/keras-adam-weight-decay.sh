#!/usr/bin/env bash
# Adam and AdamW with the same weight_decay in Keras.
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
print("One would expect: Adam(weight_decay=) adds the decay to the gradient, which")
print("Adam then scales, so that it is not AdamW.")


def first_step(optimizer):
    v = keras.Variable([1.0])
    optimizer.build([v])
    optimizer.apply([jnp.zeros(1)], [v])
    return round(v.numpy().item() - 1, 4)


adam = first_step(keras.optimizers.Adam(0.1, weight_decay=0.1))
adamw = first_step(keras.optimizers.AdamW(0.1, weight_decay=0.1))
l2 = optax.chain(optax.add_decayed_weights(0.1), optax.adam(0.1))
textbook = l2.update(jnp.zeros(1), l2.init(jnp.ones(1)), jnp.ones(1))[0].item()
print("What happens: the two are the same optimizer. With a gradient of 0 at 1:")
print("Adam", adam, "AdamW", adamw, "Adam with the decay in the gradient", textbook)
sys.exit(not (adam == adamw == -0.01 and abs(textbook + 0.1) < 1e-5))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
