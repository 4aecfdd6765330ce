#!/usr/bin/env bash
# A padding label of -1 in the loss that the Trainer smooths labels with.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  torch==2.13.0 numpy==2.4.6 transformers==5.23.0 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import os
import sys

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
import torch
import transformers
from transformers.trainer_pt_utils import LabelSmoother

print("transformers", transformers.__version__)
print("One would expect: a label that is neither a class nor the ignored -100 raises,")
print("as torch.nn.functional.cross_entropy does.")
logits = torch.tensor([[[1.0, 2.0, 3.0]]])
smoother = LabelSmoother(epsilon=0.0)
losses = [smoother({"logits": logits}, torch.tensor([[y]])).item() for y in (-1, 0)]
print("What happens: every negative label is trained as class 0.")
print("label -1:", losses[0], "label 0:", losses[1])
sys.exit(not (losses[0] == losses[1] and abs(losses[0] - 2.4076) < 1e-4))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
