#!/usr/bin/env bash
# Labels -1 and -100 in softmax_cross_entropy_with_integer_labels.
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

import jax.numpy as jnp
import optax

print("optax", optax.__version__)
print("One would expect: -1 and -100, the usual marks of padding, are treated alike.")
logits = jnp.array([[1.0, 2.0, 3.0]] * 3)
loss = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.array([2, -1, -100]))
print("What happens: -1 counts from the end, as an index does, and is trained as the")
print("last class; -100 is NaN.")
print("labels 2, -1, -100:", loss.tolist())
sys.exit(not (loss[0] == loss[1] and bool(jnp.isnan(loss[2]))))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
