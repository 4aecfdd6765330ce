#!/usr/bin/env bash
# An Adam that resumes from the state of an AdamW.
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

print("torch", torch.__version__)
print("One would expect: torch.optim.Adam stays Adam, whatever state it loads,")
print("and adds weight_decay to the gradient.")
p = torch.nn.Parameter(torch.tensor([1.0]))
adam = torch.optim.Adam([p], lr=0.1, weight_decay=0.1)
adam.load_state_dict(torch.optim.AdamW([p], lr=0.1, weight_decay=0.1).state_dict())
p.grad = torch.zeros(1)
adam.step()
print("What happens: the state brings decoupled_weight_decay=True along. With a")
print("gradient of 0, Adam's first step is -0.1 and AdamW's -0.01; the step taken is")
step = p.item() - 1
print(step)
sys.exit(not abs(step + 0.01) < 1e-6)
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
