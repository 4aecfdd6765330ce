#!/usr/bin/env bash
# The first step of Muon in three libraries.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  torch==2.13.0 numpy==2.4.6 keras==3.15.1 jax==0.10.2 optax==0.2.8 || exit 2
cd "$tmp"
if KERAS_BACKEND=jax "$tmp/venv/bin/python" - <<'EOF'
import sys

import jax.numpy as jnp
import keras
import optax
import torch

print("torch", torch.__version__, "optax", optax.__version__)
print("keras", keras.__version__)
print("One would expect: from the same matrix, gradient and rate, with the decay off,")
print("the first steps agree to a few percent.")
p = torch.nn.Parameter(torch.zeros(2, 2))
p.grad = torch.eye(2)
torch.optim.Muon([p], lr=0.1, weight_decay=0.0).step()
muon = optax.contrib.muon(0.1)
matrix = {"w": jnp.zeros((2, 2))}
step, _ = muon.update({"w": jnp.eye(2)}, muon.init(matrix), matrix)
v = keras.Variable(jnp.zeros((2, 2)), name="kernel")
optimizer = keras.optimizers.Muon(0.1, weight_decay=0.0, exclude_embeddings=False)
optimizer.build([v])
optimizer.apply([jnp.eye(2)], [v])
found = [p[0, 0].item(), step["w"][0, 0].item(), v.numpy()[0, 0].item()]
found = [round(f, 3) for f in found]
print("What happens: two agree, and that of Keras is less than a third as long.")
print("torch, optax, keras:", found)
sys.exit(not (abs(found[0] / found[1] - 1) < 0.05 and found[2] / found[0] < 0.33))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
