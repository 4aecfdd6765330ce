#!/usr/bin/env bash
# Whether the gradient of a loss in river belongs to its value.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  river==0.26.1 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys
from importlib.metadata import version

from river.optim.losses import Absolute, Cauchy, Quantile

print("river", version("river"))
print("One would expect: gradient(y, p) is the derivative of the value by p.")
found = {}
for loss in (Absolute(), Quantile(0.9), Cauchy()):
    rise = (loss(5.0, 3.0 + 1e-6) - loss(5.0, 3.0 - 1e-6)) / 2e-6
    slopes = round(rise, 3), round(loss.gradient(5.0, 3.0), 3)
    found[type(loss).__name__] = slopes
print("What happens: it is for most; Quantile(0.9) has the value of the quantile 0.1")
print("and the slope of 0.9, and Cauchy the value of the absolute error.")
print("rise of the value, gradient:", found)
expected = {"Absolute": (-1, -1), "Quantile": (-0.1, -0.9), "Cauchy": (-1, -1.999)}
sys.exit(found != expected)
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
