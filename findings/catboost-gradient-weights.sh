#!/usr/bin/env bash
# Equal weights and the size of a leaf.
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
import warnings

import catboost
import numpy as np

print("catboost", catboost.__version__)
print("One would expect: with an objective of one's own, weights that are all 10 give")
print("the leaves that weights of 1 give, or leaves 10 times as large.")
warnings.simplefilter("ignore")


class Squared:
    def calc_ders_range(self, scores, targets, weights):
        return [(t - s, -1.0) for s, t in zip(scores, targets)]


x, y = np.array([[0.0], [0.0], [1.0], [1.0]]), [1.0, 2.0, 1.0, 2.0]
leaves = []
for weight in (1.0, 10.0):
    model = catboost.CatBoostRegressor(
        loss_function=Squared(), eval_metric="RMSE", iterations=1, depth=1,
        learning_rate=1.0, l2_leaf_reg=0, leaf_estimation_iterations=1,
        leaf_estimation_method="Gradient", boost_from_average=False,
        allow_writing_files=False, verbose=0,
    )
    model.fit(x, y, sample_weight=[weight] * 4)
    leaves.append(round(float(model.predict([[0.0]])[0]), 4))
print("What happens: the weights do not reach the derivatives, yet the sum of them")
print("divides: the leaf is a tenth.")
print("weights 1:", leaves[0], "weights 10:", leaves[1])
sys.exit(leaves != [1.5, 0.15])
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
