#!/usr/bin/env bash
# The first step of Keras's Muon for two layers that differ in their names.
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

import jax.numpy as jnp
import keras

print("keras", keras.__version__)
print("One would expect: exclude_embeddings=True, the default, is about Embedding")
print("layers, so that a Dense layer takes the same step whatever its name is.")


def first_step(name):
    layer = keras.layers.Dense(2, use_bias=False, kernel_initializer="zeros", name=name)
    layer.build((None, 2))
    optimizer = keras.optimizers.Muon(0.1, weight_decay=0.0)
    optimizer.build([layer.kernel])
    optimizer.apply([jnp.eye(2)], [layer.kernel])
    return round(float(layer.kernel.numpy()[0, 0]), 4)


plain, named = first_step("projection"), first_step("embedding_projection")
print("What happens: a variable whose path has the word in it gets a step of Adam.")
print("Dense named projection", plain, "named embedding_projection", named)
sys.exit(not (abs(plain + 0.0313) < 1e-4 and abs(named + 0.1) < 1e-4))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
