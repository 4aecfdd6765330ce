#!/usr/bin/env bash
# Which classes alpha of a softmax focal loss weighs.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  torch==2.13.0 numpy==2.4.6 monai==1.6.1 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys

import monai
import torch
from monai.losses import FocalLoss

print("monai", monai.__version__)
print("One would expect: one alpha for all classes scales them all alike.")
labels = torch.tensor([0, 1, 2]).reshape(3, 1, 1, 1)
options = {"to_onehot_y": True, "use_softmax": True, "gamma": 0.0, "reduction": "none"}
logits = torch.zeros(3, 3, 1, 1)
plain = FocalLoss(**options)(logits, labels).sum(dim=(1, 2, 3))
weighted = FocalLoss(alpha=0.25, **options)(logits, labels).sum(dim=(1, 2, 3))
ratio = [round(r, 4) for r in (weighted / plain).tolist()]
print("What happens: class 0 is taken for the background and weighs 1 - alpha.")
print("weights of the classes 0, 1, 2:", ratio)
sys.exit(ratio != [0.75, 0.25, 0.25])
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
