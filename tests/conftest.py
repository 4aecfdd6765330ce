"""Loads what must come before TensorFlow, before any test does."""

import lossbook._book  # noqa: F401
