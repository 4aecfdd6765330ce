#!/usr/bin/env bash
# The sum of a softmax over bfloat16 logits on a CPU.
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

print("mlx", version("mlx"))
print("One would expect: a softmax sums to 1, up to the rounding of its dtype.")
mx.set_default_device(mx.cpu)
logits = mx.zeros(1000, dtype=mx.bfloat16)
plain = mx.softmax(logits).astype(mx.float32).sum().item()
precise = mx.softmax(logits, precise=True).astype(mx.float32).sum().item()
print("What happens: the denominator is added up in bfloat16, where 256 + 1 is 256.")
print("sum", plain, "with precise=True", precise)
sys.exit(not (plain == 3.90625 and abs(precise - 1) < 0.01))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
