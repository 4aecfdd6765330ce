"""The figures of the book, and sliders and players for pages without a kernel."""

try:
    from lossbook._book.plots import *  # noqa: F403
    from lossbook._book.plots import __all__ as __all__
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f'the figures need {error.name}: pip install "lossbook[data]"', name=error.name
    ) from error
