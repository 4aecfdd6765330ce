"""Loads what must come before TensorFlow, before any test does."""

import os

import lossbook._book  # noqa: F401

from .cases import FEW

# Eagerly JAX compiles each operation for each shape. Every loss meets it in the oracle,
# the contexts and bad input; of what else goes over all backends it runs the semantics
# of a few cases, and the rest with LOSSBOOK_JAX=all.
ON_JAX = (
    *("test_oracle.py", "test_bad_input.py", "test_semantics.py", "test_jax.py"),
    "test_parameters.py",
)


def pytest_collection_modifyitems(config, items):
    """Leave out what would take JAX minutes."""
    if os.environ.get("LOSSBOOK_JAX") == "all":
        return
    left_out = {item for item in items if _takes_long_on_jax(item)}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


def _takes_long_on_jax(item):
    given = getattr(getattr(item, "callspec", None), "params", {})
    if given.get("backend") != "jax":
        return False
    if item.path.name == "test_semantics.py" and "case" in given:
        return given["case"].label not in FEW
    return item.path.name not in ON_JAX
