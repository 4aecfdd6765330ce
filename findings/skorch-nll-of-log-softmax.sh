#!/usr/bin/env bash
# NLLLoss on a network that ends in log_softmax.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  torch==2.13.0 numpy==2.4.6 skorch==1.4.0 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys

import numpy as np
import skorch
import torch

print("skorch", skorch.__version__, "torch", torch.__version__)
print("One would expect: log_softmax and NLLLoss belong together, as in PyTorch,")
print("and two equal scores cost ln 2.")
net = torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.LogSoftmax(dim=1))
torch.nn.init.zeros_(net[0].weight)
torch.nn.init.zeros_(net[0].bias)
fit = skorch.NeuralNetClassifier(
    net, criterion=torch.nn.NLLLoss, max_epochs=1, lr=0.0, train_split=None, verbose=0
)
fit.fit(np.ones((4, 1), np.float32), np.array([0, 1, 1, 1]))
loss = fit.history[-1]["train_loss"]
print("What happens: NeuralNetClassifier takes the logarithm once more for NLLLoss.")
print("training loss", loss, "and no error")
sys.exit(not np.isnan(loss))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
