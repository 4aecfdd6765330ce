#!/usr/bin/env bash
# binary_cross_entropy_with_logits after an export to ONNX.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  torch==2.13.0 numpy==2.4.6 onnx==1.23.2 onnxscript==0.7.2 \
  onnxruntime==1.32.0 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import logging
import sys
import warnings

import onnxruntime
import torch

print("torch", torch.__version__, "onnxruntime", onnxruntime.__version__)
print("One would expect: the exported loss is as stable as the one in PyTorch,")
print("which is what the function with logits is for.")
logging.disable(logging.WARNING)
warnings.simplefilter("ignore")
onnxruntime.set_default_logger_severity(3)
loss, args = torch.nn.BCEWithLogitsLoss(), (torch.tensor([-200.0]), torch.ones(1))
torch.onnx.export(loss, args, dynamo=True, verbose=False).save("loss.onnx")
session = onnxruntime.InferenceSession("loss.onnx", providers=["CPUExecutionProvider"])
names = [i.name for i in session.get_inputs()]
exported = session.run(None, dict(zip(names, (a.numpy() for a in args))))[0].item()
print("What happens: the graph takes the logarithm of a sigmoid, which is 0 by then.")
print("PyTorch", loss(*args).item(), "exported", exported)
sys.exit((loss(*args).item(), exported) != (200.0, float("inf")))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
