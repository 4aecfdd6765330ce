#!/usr/bin/env bash
# What kornia's Dice loss counts by default.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  torch==2.13.0 numpy==2.4.6 kornia==0.9.0 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys

import kornia
import torch
from kornia.losses import dice_loss

print("kornia", kornia.__version__)
print("One would expect: a Dice loss near ½ where one of two classes is missed whole.")
labels = torch.zeros(1, 20, 20, dtype=torch.long)
labels[0, 8:11, 8:11] = 1
background = torch.tensor([20.0, -20.0]).reshape(1, 2, 1, 1).expand(1, 2, 20, 20)
missed = round(dice_loss(background, labels).item(), 4)
by_class = round(dice_loss(background, labels, average="macro").item(), 4)
print("What happens: classes are added up first, so that it is one minus the mean")
print("probability of the true class, whatever overlaps:", missed, "for 9 of 400 pixels;")
print("class by class", by_class)
torch.manual_seed(0)
logits = torch.randn(1, 2, 20, 20)
mean = logits.softmax(1).gather(1, labels[:, None]).mean()
same = torch.allclose(dice_loss(logits, labels), 1 - mean, atol=1e-6)
sys.exit((missed, by_class, same) != (0.0225, 0.5057, True))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
