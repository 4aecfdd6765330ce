#!/usr/bin/env bash
# The gradient of the absolute error at a prediction that is exact.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  jax==0.10.2 torch==2.13.0 numpy==2.4.6 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys

import jax
import jax.numpy as jnp
import torch

print("jax", jax.__version__, "torch", torch.__version__)
print("One would expect: where every error is 0, the mean absolute error has the")
print("gradient 0, as in PyTorch, and a descent stays where it is.")
slope = jax.grad(lambda p: jnp.mean(jnp.abs(p)))(jnp.zeros(2))
p = torch.zeros(2, requires_grad=True)
p.abs().mean().backward()
print("What happens: jnp.abs has the slope +1 at 0, so the descent leaves the optimum.")
print("JAX", slope.tolist(), "PyTorch", p.grad.tolist())
sys.exit((slope.tolist(), p.grad.tolist()) != ([0.5, 0.5], [0.0, 0.0]))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
