"""JAX as a backend: mypy holds these names against `protocol.Backend`."""

from lossbook.backends.jax import linear
from lossbook.backends.jax.autodiff import differentiate as differentiate
from lossbook.backends.jax.autodiff import input_gradient as input_gradient
from lossbook.backends.jax.autodiff import random_fractions as random_fractions
from lossbook.backends.jax.custom_grad import with_derivatives as with_derivatives
from lossbook.backends.jax.distributed import sum_over_workers as sum_over_workers
from lossbook.backends.jax.inputs import are_ready as are_ready
from lossbook.backends.jax.inputs import asarray as asarray
from lossbook.backends.jax.kernels import KERNELS as KERNELS
from lossbook.backends.jax.kernels import STEPS as STEPS
from lossbook.backends.jax.ops import *  # noqa: F403
from lossbook.backends.protocol import LinearKernels

NAME = "jax"
LINEAR: LinearKernels = linear
