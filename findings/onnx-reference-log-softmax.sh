#!/usr/bin/env bash
# LogSoftmax of far logits in the reference implementation of ONNX.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
print("One would expect: the reference, against which backends are tested, is at least")
print("as right as they are; the logarithm is -1000 here.")
warnings.simplefilter("ignore")
node = helper.make_node("LogSoftmax", ["x"], ["y"])
x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 2]) for n in "xy")
opset = [helper.make_opsetid("", 18)]
graph = helper.make_graph([node], "g", [x], [y])
model = helper.make_model(graph, opset_imports=opset, ir_version=9)
feed = {"x": np.float32([[1000.0, 0.0]])}
reference = ReferenceEvaluator(model).run(None, feed)[0].tolist()
session = onnxruntime.InferenceSession(
    model.SerializeToString(), providers=["CPUExecutionProvider"]
)
runtime = session.run(None, feed)[0].tolist()
print("What happens: the reference takes the logarithm of the softmax, which is 0.")
print("reference", reference, "ONNX Runtime", runtime)
sys.exit((reference, runtime) != ([[0.0, float("-inf")]], [[0.0, -1000.0]]))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
