#!/usr/bin/env bash
# The mean of a thousand ones in bfloat16.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  numpy==2.4.6 ml-dtypes==0.6.0 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys

import ml_dtypes
import numpy as np

print("numpy", np.__version__, "ml_dtypes", ml_dtypes.__version__)
print("One would expect: the mean of ones is 1, as for float16, which NumPy adds up in")
print("a wider dtype.")
half = float(np.ones(1000, np.float16).mean())
brain = float(np.ones(1000, ml_dtypes.bfloat16).mean())
print("What happens: NumPy does not know that bfloat16 is short; the sum stops at 256.")
print("float16", half, "bfloat16", brain)
sys.exit((half, brain) != (1.0, 0.255859375))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
