#!/usr/bin/env bash
# The Brier score of two classes and of two columns.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  scikit-learn==1.9.1 numpy==2.4.6 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys

import sklearn
from sklearn.metrics import brier_score_loss

print("scikit-learn", sklearn.__version__)
print("One would expect: adding a third class that always has the probability 0, and")
print("never occurs, leaves the score as it is.")
two = brier_score_loss([0, 1], [[0.5, 0.5], [0.5, 0.5]], labels=[0, 1])
three = brier_score_loss([0, 1], [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0]], labels=[0, 1, 2])
print("What happens: the sum over the classes is halved for two classes only.")
print("two classes", two, "three", three)
sys.exit((two, three) != (0.25, 0.5))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
