#!/usr/bin/env bash
# The step of Muon for a large gradient, in two libraries.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  torch==2.13.0 numpy==2.4.6 jax==0.10.2 optax==0.2.8 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys

import jax.numpy as jnp
import optax
import torch

print("torch", torch.__version__, "optax", optax.__version__)
print("One would expect: Muon divides by the norm, so that the step is the same for")
print("any multiple of a gradient, also for 1e22 times it, which float32 holds.")


def by_torch(size):
    p = torch.nn.Parameter(torch.zeros(2, 2))
    p.grad = size * torch.eye(2)
    torch.optim.Muon([p], lr=0.1, weight_decay=0.0).step()
    return p[0, 0].item()


def by_optax(size):
    muon, matrix = optax.contrib.muon(0.1), {"w": jnp.zeros((2, 2))}
    step, _ = muon.update({"w": size * jnp.eye(2)}, muon.init(matrix), matrix)
    return step["w"][0, 0].item()


usual = [round(step(1.0), 3) for step in (by_torch, by_optax)]
large = [step(1e22) for step in (by_torch, by_optax)]
print("What happens: the squares in the norm overflow, and the step is 0, silently.")
print("torch and optax, gradient 1:", usual, "gradient 1e22:", large)
sys.exit(not (all(step < -0.1 for step in usual) and large == [0.0, 0.0]))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
