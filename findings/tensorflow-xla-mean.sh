#!/usr/bin/env bash
# The mean of many equal losses in a tf.function, with XLA and without, on a CPU.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  tensorflow==2.21.0 || exit 2
cd "$tmp"
if TF_CPP_MIN_LOG_LEVEL=3 "$tmp/venv/bin/python" - <<'EOF'
import sys

import tensorflow as tf

print("tensorflow", tf.__version__)
print("One would expect: jit_compile=True makes a mean quicker, and leaves it as exact.")
losses = tf.fill([40_000_000], 0.1)
off = {}
for jit in (False, True):
    mean = tf.function(tf.reduce_mean, jit_compile=jit)
    off[jit] = abs(float(mean(losses)) / 0.1 - 1)
    print(f"jit_compile={jit}: {float(mean(losses)):.6f}, {off[jit]:.1e} off")
print("What happens: XLA adds one after the other to a float32 that they hardly move.")
sys.exit(not (off[False] < 1e-5 and off[True] > 1e-3))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
