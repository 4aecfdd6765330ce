#!/usr/bin/env bash
# The first step of SGD with momentum and dampening.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  torch==2.13.0 numpy==2.4.6 mlx==0.32.4 mlx-cpu==0.32.4 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys
from importlib.metadata import version

import mlx.core as mx
import torch
from mlx.optimizers import SGD

print("torch", torch.__version__, "mlx", version("mlx"))
print("One would expect: dampening=0.9 multiplies every gradient by 0.1,")
print("the first one too.")
mx.set_default_device(mx.cpu)
options = {"momentum": 0.9, "dampening": 0.9}
p = torch.nn.Parameter(torch.zeros(1))
theirs, ours = torch.optim.SGD([p], lr=1.0, **options), SGD(1.0, **options)
q, steps = mx.zeros(1), []
for _ in range(2):
    p.grad = torch.ones(1)
    theirs.step()
    q = ours.apply_gradients({"q": mx.ones(1)}, {"q": q})["q"]
    steps.append((round(p.item(), 4), round(q.item(), 4)))
print("What happens: PyTorch fills its buffer with the whole first gradient, MLX with")
print("a tenth of it. With a gradient of 1 and a rate of 1:")
print("PyTorch", [s[0] for s in steps], "MLX", [s[1] for s in steps])
sys.exit(steps != [(-1.0, -0.1), (-2.0, -0.29)])
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
