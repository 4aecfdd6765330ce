"""TensorFlow as a backend: mypy holds these names against `protocol.Backend`."""

from lossbook.backends.protocol import LinearKernels
from lossbook.backends.tensorflow import linear
from lossbook.backends.tensorflow.autodiff import differentiate as differentiate
from lossbook.backends.tensorflow.autodiff import input_gradient as input_gradient
from lossbook.backends.tensorflow.autodiff import random_fractions as random_fractions
from lossbook.backends.tensorflow.custom_grad import (
    with_derivatives as with_derivatives,
)
from lossbook.backends.tensorflow.distributed import (
    sum_over_workers as sum_over_workers,
)
from lossbook.backends.tensorflow.inputs import are_ready as are_ready
from lossbook.backends.tensorflow.inputs import asarray as asarray
from lossbook.backends.tensorflow.kernels import KERNELS as KERNELS
from lossbook.backends.tensorflow.kernels import STEPS as STEPS
from lossbook.backends.tensorflow.no_nan import *  # noqa: F403
from lossbook.backends.tensorflow.ops import *  # noqa: F403

NAME = "tensorflow"
LINEAR: LinearKernels = linear
