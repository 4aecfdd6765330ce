#!/usr/bin/env bash
# NaN in ReduceMax and in Max of ONNX Runtime.
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

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

print("onnxruntime", onnxruntime.__version__)
print("One would expect: the largest of 1, NaN and 2 is NaN, as in NumPy and PyTorch,")
print("and the same from Max and from ReduceMax.")


def run(operator, *inputs):
    names = [f"x{i}" for i in range(len(inputs))]
    node = helper.make_node(operator, names, ["y"])
    x = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None]) for n in names]
    y = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([node], "g", x, y)
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, dict(zip(names, np.float32(inputs))))[0].ravel().tolist()


most = run("Max", [1.0], [np.nan], [2.0])
reduced = run("ReduceMax", [1.0, np.nan, 2.0])
print("What happens: Max keeps the NaN and ReduceMax drops it.")
print("Max", most, "ReduceMax", reduced)
sys.exit(not (np.isnan(most[0]) and reduced == [2.0]))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
