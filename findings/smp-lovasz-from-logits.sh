#!/usr/bin/env bash
# A Lovász loss of probabilities in segmentation-models-pytorch.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  torch==2.13.0 numpy==2.4.6 segmentation-models-pytorch==0.6.0 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys
from importlib.metadata import version
from importlib.util import find_spec
from types import ModuleType

import torch

# The losses alone: the package loads torchvision, which must be of the same build.
package = ModuleType("segmentation_models_pytorch")
package.__path__ = find_spec(package.__name__).submodule_search_locations
sys.modules[package.__name__] = package
from segmentation_models_pytorch.losses import DiceLoss, LovaszLoss

print("segmentation-models-pytorch", version("segmentation-models-pytorch"))
print("One would expect: with from_logits=False a perfect answer costs 0.")
labels = torch.zeros(1, 20, 20, dtype=torch.long)
labels[0, 8:11, 8:11] = 1
perfect = torch.nn.functional.one_hot(labels, 2).permute(0, 3, 1, 2).float()
dice, lovasz = (
    round(loss("multiclass", from_logits=False)(perfect, labels).item(), 4)
    for loss in (DiceLoss, LovaszLoss)
)
print("What happens: LovaszLoss does not look at it and takes a softmax again.")
print("Dice", dice, "Lovász", lovasz, "(1 / (1 + e))")
sys.exit((dice, lovasz) != (0.0, 0.2689))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
