#!/usr/bin/env bash
# The gradient of a mean over a batch that is sharded with DTensor.
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
import os
import sys

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor


def work(rank, store, answer):
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # gloo reports every connection
    url = "file://" + store
    dist.init_process_group("gloo", init_method=url, rank=rank, world_size=2)
    mesh = init_device_mesh("cpu", (2,))
    y = distribute_tensor(torch.zeros(4), mesh, [Shard(0)])
    slopes = []
    for loss in (F.mse_loss, lambda p, y: ((p - y) ** 2).mean()):
        p = distribute_tensor(torch.ones(4), mesh, [Shard(0)]).requires_grad_()
        loss(p, y).backward()
        slopes.append(p.grad.full_tensor()[0].item())
    if rank == 0:
        answer.put(slopes)
    dist.destroy_process_group()


print("torch", torch.__version__)
print("One would expect: mse_loss of four errors of 1 has the gradient 2 / 4 each,")
print("on one process or, with a sharded DTensor, on two.")
context = torch.multiprocessing.get_context("fork")
answer = context.SimpleQueue()
store = os.path.abspath("store")
ranks = [context.Process(target=work, args=(r, store, answer)) for r in range(2)]
for rank in ranks:
    rank.start()
for rank in ranks:
    rank.join()
if any(rank.exitcode for rank in ranks):
    sys.exit("A rank has failed.")
built_in, by_hand = answer.get()
print("What happens: the gradient of mse_loss is multiplied by the number of ranks;")
print("that of the same mean written by hand is right.")
print("mse_loss", built_in, "by hand", by_hand)
sys.exit((built_in, by_hand) != (1.0, 0.5))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
