#!/usr/bin/env bash
# What loss_ of a multi-layer perceptron says.
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
import warnings

import numpy as np
import sklearn
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.neural_network import MLPClassifier, MLPRegressor

print("scikit-learn", sklearn.__version__)
print("One would expect: with alpha=0 and a learning rate of nearly 0, loss_ is the")
print("mean squared error or the mean log loss of the network on the data.")
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
x = rng.normal(size=(50, 2))
y, labels = x[:, 0] * 3, (rng.random((50, 4)) > 0.5).astype(int)
options = {"max_iter": 1, "learning_rate_init": 1e-12, "alpha": 0.0, "random_state": 0}
options["hidden_layer_sizes"] = [3]
line = MLPRegressor(**options).fit(x, y)
many = MLPClassifier(**options).fit(x, labels)
p = many.predict_proba(x)
half = line.loss_ / mean_squared_error(y, line.predict(x))
sums = many.loss_ / np.mean([log_loss(labels[:, k], p[:, k]) for k in range(4)])
print("What happens: it is half of the squared error, and the sum over the labels.")
print("as multiples of the metrics: regressor", half, "four labels", sums)
sys.exit(not (abs(half - 0.5) < 1e-6 and abs(sums - 4) < 1e-6))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
