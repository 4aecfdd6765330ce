#!/usr/bin/env bash
# Restoring parameters into a model of another shape.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  jax==0.10.2 flax==0.12.8 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys

import flax
import jax.numpy as jnp
from flax.serialization import from_bytes, to_bytes

print("flax", flax.__version__)
print("One would expect: from_bytes(target, data) refuses an array that does not have")
print("the shape and the dtype of the target.")
data = to_bytes({"kernel": jnp.ones((2, 3), jnp.float32)})
found = from_bytes({"kernel": jnp.zeros((5,), jnp.bfloat16)}, data)["kernel"]
print("What happens: names are compared, shapes and dtypes are not.")
print("target (5,) bfloat16, restored", found.shape, found.dtype)
sys.exit((found.shape, str(found.dtype)) != ((2, 3), "float32"))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
