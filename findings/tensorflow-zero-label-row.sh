#!/usr/bin/env bash
# The gradient of a row whose labels are all zero.
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
print("One would expect: labels of zero switch a row off: its loss is 0 and its")
print("gradient too.")
logits = tf.Variable([[0.0, 0.0]])
with tf.GradientTape() as tape:
    loss = tf.nn.softmax_cross_entropy_with_logits(tf.zeros((1, 2)), logits)
slope = tape.gradient(loss, logits).numpy().tolist()
print("What happens: the gradient is softmax minus labels, whatever the labels sum to.")
print("loss", loss.numpy().tolist(), "gradient", slope)
sys.exit(slope != [[0.5, 0.5]] or loss.numpy().item() != 0)
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
