"""PyTorch as a backend: mypy holds these names against `protocol.Backend`."""

from lossbook.backends.protocol import LinearKernels
from lossbook.backends.torch import linear
from lossbook.backends.torch.autodiff import differentiate as differentiate
from lossbook.backends.torch.autodiff import input_gradient as input_gradient
from lossbook.backends.torch.autodiff import random_fractions as random_fractions
from lossbook.backends.torch.custom_grad import with_derivatives as with_derivatives
from lossbook.backends.torch.distributed import sum_over_workers as sum_over_workers
from lossbook.backends.torch.inputs import are_ready as are_ready
from lossbook.backends.torch.inputs import asarray as asarray
from lossbook.backends.torch.kernels import KERNELS as KERNELS
from lossbook.backends.torch.kernels import STEPS as STEPS
from lossbook.backends.torch.ops import *  # noqa: F403
from lossbook.backends.torch.products import matmul as matmul
from lossbook.backends.torch.sums import mean as mean
from lossbook.backends.torch.sums import sum as sum

NAME = "torch"
LINEAR: LinearKernels = linear
