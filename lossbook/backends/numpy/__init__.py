"""NumPy as a backend: mypy holds these names against `protocol.Backend`."""

from lossbook.backends.numpy import linear
from lossbook.backends.numpy.autodiff import differentiate as differentiate
from lossbook.backends.numpy.autodiff import input_gradient as input_gradient
from lossbook.backends.numpy.autodiff import random_fractions as random_fractions
from lossbook.backends.numpy.custom_grad import with_derivatives as with_derivatives
from lossbook.backends.numpy.distributed import sum_over_workers as sum_over_workers
from lossbook.backends.numpy.inputs import are_ready as are_ready
from lossbook.backends.numpy.inputs import asarray as asarray
from lossbook.backends.numpy.kernels import KERNELS as KERNELS
from lossbook.backends.numpy.kernels import STEPS as STEPS
from lossbook.backends.numpy.ops import *  # noqa: F403
from lossbook.backends.protocol import LinearKernels

NAME = "numpy"
LINEAR: LinearKernels = linear
