#!/usr/bin/env bash
# The gradients of a loss that is NaN, beside what GradScaler makes of them.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  torch==2.13.0 numpy==2.4.6 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys

import torch
import torch.nn.functional as F

print("torch", torch.__version__)
print("One would expect: a prediction that is NaN gets a gradient that is NaN, which")
print("GradScaler and clip_grad_norm_(error_if_nonfinite=True) look out for.")
slopes, steps = {}, {}
for loss in (F.mse_loss, F.smooth_l1_loss, F.l1_loss):
    weight = torch.tensor([torch.nan, 2.0], requires_grad=True)
    sgd = torch.optim.SGD([weight], lr=0.1)
    scaler = torch.amp.GradScaler("cpu")
    value = loss(weight, torch.zeros(2))
    scaler.scale(value).backward()
    scaler.step(sgd)
    name = loss.__name__
    slopes[name] = weight.grad[0].isnan().item()
    steps[name] = weight[1].item() != 2.0
    gradient, taken = (weight.grad / 65536).tolist(), "" if steps[name] else " not"
    print(f"{name}: {value.item()}, gradient {gradient}, step{taken} taken")
print("What happens: l1_loss is NaN too, and its gradient is 0, as torch.sign(nan) is.")
print("torch.sign(nan) =", torch.sign(torch.tensor(torch.nan)).item())
as_recorded = slopes == {"mse_loss": True, "smooth_l1_loss": True, "l1_loss": False}
sys.exit(not (as_recorded and steps["l1_loss"] and not steps["mse_loss"]))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
