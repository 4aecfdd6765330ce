"""The data of the projects."""

from lossbook._book.datasets import *  # noqa: F403
from lossbook._book.datasets import __all__ as __all__
