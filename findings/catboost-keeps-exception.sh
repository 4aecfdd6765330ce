#!/usr/bin/env bash
# What Python handles after an objective of one's own has failed in CatBoost.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  catboost==1.2.10 numpy==2.4.6 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - 2>/dev/null <<'EOF'
import sys

import catboost
import numpy as np

print("catboost", catboost.__version__)
print("One would expect: an error that has been caught is over.")


class Objective:
    def calc_ders_range(self, approxes, targets, weights):
        raise ValueError("of the objective")


def fit():
    settings = {"eval_metric": "RMSE", "iterations": 1, "allow_writing_files": False}
    model = catboost.CatBoost({"loss_function": Objective(), **settings})
    try:
        model.fit(np.arange(8.0)[:, None], np.arange(8.0))
    except catboost.CatBoostError as error:
        print("caught:", type(error).__name__)


fit()
handled = sys.exc_info()[1]
print("still being handled, after it was caught:", repr(handled))
try:
    {}["a key"]
except KeyError as error:
    context = error.__context__
    print("what a later error says it came from:", repr(context))
print("What happens: all later tracebacks begin with the error of the objective.")
sys.exit(not (isinstance(handled, ValueError) and context is handled))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
