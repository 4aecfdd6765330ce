#!/usr/bin/env bash
# The score at which an objective of one's own starts.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  xgboost==3.2.0 numpy==2.4.6 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys

import numpy as np
import xgboost

print("xgboost", xgboost.__version__)
print("One would expect: with an objective of one's own, boosting starts at a raw")
print("score of 0, whatever other settings name.")
data = xgboost.DMatrix(np.zeros((4, 1)), np.array([0.0, 1.0, 1.0, 1.0]))
starts = []


def objective(score, data):
    starts.append(round(float(score[0]), 6) + 0.0)
    return score - 0.5, np.ones(len(score))


for settings in ({}, {"objective": "binary:logistic"}):
    xgboost.train({**settings, "verbosity": 0}, data, 1, obj=objective)
print("What happens: it starts at 0.5, also for logits; naming a built-in objective")
print("beside it, which is not used, makes that 0.")
print("without a name", starts[0], "with binary:logistic", starts[1])
sys.exit(starts != [0.5, 0.0])
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
