#!/usr/bin/env bash
# The first steps of Ranger on a parabola.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  torch==2.13.0 numpy==2.4.6 pytorch-optimizer==4.1.0 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys
from importlib.metadata import version

import torch
from pytorch_optimizer import Ranger

print("pytorch-optimizer", version("pytorch-optimizer"))
print("One would expect: a descent on the squared length of p begins downhill.")
p = torch.nn.Parameter(torch.tensor([1.0]))
optimizer = Ranger([p], lr=0.1)
path = [p.item()]
for _ in range(6):
    optimizer.zero_grad()
    (p**2).sum().backward()
    optimizer.step()
    path.append(round(p.item(), 4))
print("What happens: the five steps before the rectification sets in go uphill.")
print(path)
sys.exit(not all(a < b for a, b in zip(path[:5], path[1:6])))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
