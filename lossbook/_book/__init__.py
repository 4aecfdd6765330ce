"""The course: exercises and answers, figures, data, results, examples of workers.

Nothing above imports it; `import lossbook` loads it when it is first used.
"""

import sys
from importlib.util import find_spec

# PyTorch's builds for CUDA come with Triton. Loaded after TensorFlow, as the first step
# of an optimizer does, it ends the process without a word (torch 2.13.0, Triton 3.7.1,
# TensorFlow 2.21.0); loaded before, it does no harm.
if "tensorflow" not in sys.modules and find_spec("triton"):
    import triton  # noqa: F401
