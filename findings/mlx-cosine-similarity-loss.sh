#!/usr/bin/env bash
# The loss of two vectors that point the same way.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  mlx==0.32.4 mlx-cpu==0.32.4 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys
from importlib.metadata import version

import mlx.core as mx
from mlx.nn.losses import cosine_similarity_loss

print("mlx", version("mlx"))
print("One would expect: cosine_similarity_loss is least for vectors that agree.")
mx.set_default_device(mx.cpu)
x = mx.array([[1.0, 0.0]])
same, opposite = (cosine_similarity_loss(x, y).item() for y in (x, -x))
print("What happens: it is the similarity itself, so to minimize it turns them apart.")
print("same", same, "opposite", opposite)
sys.exit((same, opposite) != (1.0, -1.0))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
