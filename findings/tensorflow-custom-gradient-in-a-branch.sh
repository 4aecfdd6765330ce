#!/usr/bin/env bash
# A function with a gradient of its own, in a branch, differentiated from outside.
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
print("One would expect: a function with @tf.custom_gradient has its gradient in a")
print("branch of tf.cond too, as the same formula without it has.")


@tf.custom_gradient
def squares(x):
    return tf.reduce_sum(x * x), lambda upstream: 2 * x * upstream


def gradient(inside):
    @tf.function(autograph=False)
    def graph(x, on):
        return tf.cond(on, lambda: inside(x), lambda: tf.zeros([]))

    x = tf.constant([3.0, 1.0])
    try:
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = graph(x, tf.constant(True))
        return tape.gradient(value, x).numpy().tolist()
    except AssertionError as error:
        return f"AssertionError, {len(str(error))} letters of message"


found = {
    "the formula": gradient(lambda x: tf.reduce_sum(x * x)),
    "with its own gradient": gradient(squares),
    "and of tf.identity(x)": gradient(lambda x: squares(tf.identity(x))),
}
print("What happens: an AssertionError without words, unless the input is a copy.")
for name, value in found.items():
    print(f"{name:22}", value)
right = [6.0, 2.0]
lost = "AssertionError, 0 letters of message"
sys.exit(list(found.values()) != [right, lost, right])
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
