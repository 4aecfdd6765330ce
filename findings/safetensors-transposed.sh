#!/usr/bin/env bash
# A transposed array that went through safetensors.numpy.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  safetensors==0.8.0 numpy==2.4.6 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys

import numpy as np
import safetensors
from safetensors.numpy import load_file, save_file

print("safetensors", safetensors.__version__, "numpy", np.__version__)
print("One would expect: an array comes back with the values that it had, whatever its")
print("order in memory, or it is refused, as the torch side of the package does.")
w = np.arange(6.0).reshape(2, 3).T
save_file({"w": w}, "w.safetensors")
back = load_file("w.safetensors")["w"]
print("What happens: the memory is written as it lies, under the transposed shape.")
print("saved", w.tolist(), "loaded", back.tolist())
sys.exit(back.tolist() != [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
