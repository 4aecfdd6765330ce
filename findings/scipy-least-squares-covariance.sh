#!/usr/bin/env bash
# The Jacobian that least_squares returns for a robust loss.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  scipy==1.17.1 numpy==2.4.6 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys

import numpy as np
import scipy
from scipy.optimize import least_squares

print("scipy", scipy.__version__)
print("One would expect: result.jac belongs to the residuals in result.fun: for")
print("x - data it is a column of ones, and inv(J'J) is 1 / 4.")
data = np.array([0.0, 0.0, 0.0, 10.0])
result = least_squares(lambda x: x[0] - data, [0.0], loss="soft_l1")
variance = np.linalg.inv(result.jac.T @ result.jac).item()
print("What happens: the loss has scaled its rows, while fun is left as it was.")
print("jac", result.jac.ravel().round(4), "fun", result.fun.round(4), "inv", variance)
sys.exit(not (abs(variance - 0.3968) < 1e-3 and abs(result.fun[3] + 9.6486) < 1e-3))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
