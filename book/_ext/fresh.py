"""A build with warnings is forgotten, so that the next one gives them again.

Sphinx reads only pages that changed and warns only of what it reads: after a failure
under ``-W``, a second build would find nothing to do and call that a success.
"""

from pathlib import Path


def forget_warnings(app, exception):
    # Sphinx turns the count into an exit status only after this event.
    if exception or app._warncount:
        (Path(app.doctreedir) / "environment.pickle").unlink(missing_ok=True)


def setup(app):
    app.connect("build-finished", forget_warnings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
