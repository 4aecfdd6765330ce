#!/usr/bin/env bash
# Sample weights beside an objective of one's own.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  lightgbm==4.7.0 scikit-learn==1.9.1 numpy==2.4.6 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys
import warnings

import lightgbm
import numpy as np

print("lightgbm", lightgbm.__version__)
print("One would expect: fit(sample_weight=) weighs one's own objective, or says")
print("that it does not. A row with weight 0 then counts nothing, and the leaf is 1.")
warnings.simplefilter("ignore")
x, y, w = np.repeat([[0.0], [1.0]], 50, axis=0), np.repeat([1.0, 2.0], 50), np.ones(100)
y[0], w[0] = 100.0, 0.0


def squared(y_true, y_pred):
    return y_pred - y_true, np.ones(len(y_pred))


leaves = []
for objective in (squared, "regression"):
    model = lightgbm.LGBMRegressor(
        objective=objective,
        n_estimators=1,
        learning_rate=1.0,
        num_leaves=2,
        verbosity=-1,
    )
    model.fit(x, y, sample_weight=w)
    leaves.append(round(float(model.predict([[0.0]])[0]), 4))
print("What happens: a function of two arguments gets no weights, without a word.")
print("own squared error", leaves[0], "built-in", leaves[1])
sys.exit(leaves != [2.98, 1.0])
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
