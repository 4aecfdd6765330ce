#!/usr/bin/env bash
# What a classifier without an objective fits.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  xgboost-cpu==3.2.0 scikit-learn==1.9.1 numpy==2.4.6 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys

import numpy as np
import xgboost

print("xgboost", xgboost.__version__)
print("One would expect: objective=None is the default of a classifier, as None is that")
print("of its other parameters: logistic loss, and probabilities between 0 and 1.")
rng = np.random.default_rng(0)
x = rng.normal(size=(200, 2))
y = (x[:, 0] + x[:, 1] > 0).astype(int)
found = []
for options in ({}, {"objective": None}):
    model = xgboost.XGBClassifier(n_estimators=50, n_jobs=1, **options).fit(x, y)
    p = model.predict_proba(x)
    found.append((float(p.min()), float(p.max())))
print("What happens: it fits squared error, and predict_proba shows its predictions,")
print("which leave [0, 1], without a word.")
for name, (low, high) in zip(("default", "None"), found, strict=True):
    print(f"{name:8} probabilities from {low:.3f} to {high:.3f}")
(low, high), (none_low, none_high) = found
sys.exit(not (0 < low and high < 1 and none_low < 0 and none_high > 1))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
