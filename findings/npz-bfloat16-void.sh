#!/usr/bin/env bash
# A bfloat16 array that went through np.savez.
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
import io
import sys

import ml_dtypes
import numpy as np

print("numpy", np.__version__, "ml_dtypes", ml_dtypes.__version__)
print("One would expect: what np.savez writes without a word, np.load reads as the")
print("same dtype, or one of the two complains.")
file = io.BytesIO()
np.savez(file, w=np.array([1.5, -2.0], ml_dtypes.bfloat16))
file.seek(0)
w = np.load(file)["w"]
print("What happens: two bytes without a meaning come back; a view restores them.")
print("dtype", w.dtype, "viewed", w.view(ml_dtypes.bfloat16).tolist())
sys.exit(str(w.dtype) != "|V2" or w.view(ml_dtypes.bfloat16).tolist() != [1.5, -2.0])
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
