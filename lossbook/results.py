"""Stored results of long runs."""

from lossbook._book.results import *  # noqa: F403
from lossbook._book.results import __all__ as __all__
