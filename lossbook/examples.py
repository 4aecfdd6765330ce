"""The programs of the chapter on scale, under the name that a terminal takes."""

from lossbook._book import examples
from lossbook._book.examples import *  # noqa: F403
from lossbook._book.examples import __all__ as __all__

__path__ = examples.__path__  # python -m lossbook.examples.torch_workers
