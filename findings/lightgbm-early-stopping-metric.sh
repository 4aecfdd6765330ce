#!/usr/bin/env bash
# What early stopping follows beside an objective and a metric of one's own.
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
print("One would expect: with an objective and an eval_metric of one's own, early")
print("stopping follows that metric, the only one that was asked for.")
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
x = rng.normal(size=(1000, 2))
y = rng.poisson(np.exp(x[:, 0] - 1.0)).astype(float)


def log_rate(y_true, z):  # Poisson, whose scores are the logarithms of rates
    return np.exp(z) - y_true, np.exp(z)


def deviance(y_true, z):
    return "deviance", float(np.mean(np.exp(z) - y_true * z)), False


found = {}
for metric in ("", "None"):
    options = {"metric": metric} if metric else {}
    model = lightgbm.LGBMRegressor(
        objective=log_rate, n_estimators=300, verbosity=-1, **options
    )
    model.fit(
        x[:500],
        y[:500],
        eval_set=[(x[500:], y[500:])],
        eval_metric=deviance,
        callbacks=[lightgbm.early_stopping(5, verbose=False)],
    )
    (watched,) = model.evals_result_.values()
    best = int(np.argmin(watched["deviance"])) + 1
    found[metric] = list(watched), model.best_iteration_, best
print("What happens: a squared error of scores and targets, which nobody asked for,")
print('is watched too and stops the training. metric="None" leaves it out.')
for metric, (names, stopped, best) in found.items():
    print(f"metric={metric or 'left out'}: watched {names}, best by them {stopped}")
names, stopped, _ = found[""]
alone, _, best = found["None"]
print("deviance alone is best at", best)
sys.exit(not ("l2" in names and alone == ["deviance"] and stopped != best))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
