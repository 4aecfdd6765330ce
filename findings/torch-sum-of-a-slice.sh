#!/usr/bin/env bash
# The float32 sum of a view of a tensor, beside that of a copy.
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
print("One would expect: a slice is added up as exactly as a copy of it.")
torch.manual_seed(0)
rows = torch.rand(2**18, 128)
views = {"a slice": rows[:, :64], "one column for 64": rows[:, :1].expand(-1, 64)}
found = []
for name, view in views.items():
    exact = view.double().sum().item()
    place = 2.0 ** (torch.frexp(torch.tensor(exact))[1].item() - 24)
    for x, of in ((view, name), (view.contiguous(), f"a copy of {name}")):
        found.append(abs(x.sum().item() - exact) / place)
        print(f"{of}: off by {found[-1]:.0f} units in the last place")
print("What happens: the sum of the view loses digits that the copy keeps.")
sys.exit(not (min(found[::2]) > 8 and max(found[1::2]) < 4))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
