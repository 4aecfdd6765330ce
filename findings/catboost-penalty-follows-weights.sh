#!/usr/bin/env bash
# What example weights do to the penalty of a leaf.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  catboost==1.2.10 numpy==2.4.6 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys

import catboost
import numpy as np

print("catboost", catboost.__version__)
print("One would expect: weights ten times as large leave the penalty l2_leaf_reg behind,")
print("so that a leaf comes nearer to the mean of its targets, which is 1.")
x = np.repeat([[0.0], [1.0]], 2, axis=0)
y = np.array([0.0, 0.0, 1.0, 1.0])
leaves = []
for weight in (1.0, 10.0):
    model = catboost.CatBoostRegressor(
        iterations=1, learning_rate=1.0, depth=1, l2_leaf_reg=3.0, verbose=0,
        leaf_estimation_iterations=1, boost_from_average=False, bootstrap_type="No",
        random_strength=0, allow_writing_files=False, thread_count=1,
    )
    model.fit(x, y, sample_weight=np.full(4, weight))
    leaves.append(round(float(model.predict([[1.0]])[0]), 4))
print("What happens: the penalty is multiplied by the mean weight, and the leaf stays.")
print("weights of 1:", leaves[0], "weights of 10:", leaves[1])
sys.exit(not leaves == [0.4, 0.4])
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
