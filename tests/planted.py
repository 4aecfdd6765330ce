"""Faults in formulas, planted on the objects that hold them: a plugin of pytest.

Planted on the object, a fault does not depend on how the source is laid out. It is
chosen by its name in the variable LOSSBOOK_FAULT; `test_mutations.py` goes through all.
"""

import os
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Formula:
    """What takes the place of a formula or of one of its derivatives.

    `part` is "formula", or the number of the input whose derivative is meant.
    """

    module: str
    name: str
    part: str | int
    new: Any

    def plant(self) -> None:
        found = getattr(import_module(f"lossbook.{self.module}"), self.name)
        if self.part == "formula":
            found.formula = self.new
            return
        derivatives = list(found.derivatives)
        derivatives[self.part] = self.new
        found.derivatives = derivatives


REGRESSION, MARGINS = "losses.regression", "losses.margins"
CLASSIFICATION, CLASSES = "losses.classification", "losses.surprise"
ADVERSARIAL = "losses.adversarial"

FORMULAS = {
    "mse: the 2 of the derivative lost": Formula(
        REGRESSION, "_MSE", 0, lambda xp, error: error
    ),
    "mse: the minus dropped": Formula(
        REGRESSION, "_MSE", 0, lambda xp, error: -2 * error
    ),
    "mae: the size of the error in its derivative": Formula(
        REGRESSION, "_MAE", 0, lambda xp, error: error
    ),
    "huber: the derivative goes on beyond delta": Formula(
        REGRESSION, "_HUBER", 0, lambda xp, error, delta: error
    ),
    "log-cosh: as the textbook writes it": Formula(
        REGRESSION,
        "_LOG_COSH",
        "formula",
        lambda xp, error: xp.log((xp.exp(error) + xp.exp(-error)) / 2),
    ),
    "log-cosh: the derivative of its parabola": Formula(
        REGRESSION, "_LOG_COSH", 0, lambda xp, error: error
    ),
    "quantile: the two sides exchanged": Formula(
        REGRESSION,
        "_QUANTILE",
        "formula",
        lambda xp, error, q: xp.maximum(q * error, -(1 - q) * error),
    ),
    "poisson: the derivative of the rate alone": Formula(
        REGRESSION, "_POISSON", 1, lambda xp, y, rate: 1 + 0 * rate
    ),
    "binary cross-entropy: the second term left out": Formula(
        CLASSIFICATION, "_BCE", "formula", lambda xp, y, p: -xp.xlogy(y, p)
    ),
    "binary cross-entropy: brackets left out, a sign flips": Formula(
        CLASSIFICATION,
        "_BCE",
        "formula",
        lambda xp, y, p: -xp.xlogy(y, p) + xp.xlog1py(1 - y, -p),
    ),
    "binary cross-entropy: right answers cancel": Formula(
        CLASSIFICATION, "_BCE_LOGITS", 1, lambda xp, y, z: xp.sigmoid(z) - y
    ),
    "softmax twice": Formula(
        CLASSES,
        "LOGIT_SURPRISE",
        "formula",
        lambda xp, labels, z: (
            -xp.take_labels(xp.log_softmax(xp.exp(xp.log_softmax(z))), labels)
        ),
    ),
    "softmax: the label not taken from its gradient": Formula(
        CLASSES, "LOGIT_SURPRISE", 1, lambda xp, labels, z: xp.exp(xp.log_softmax(z))
    ),
    "kl divergence: without the entropy of the target": Formula(
        CLASSES, "_DIVERGENCE", "formula", lambda xp, y, p: -xp.xlogy(y, p)
    ),
    "logistic: the minus dropped": Formula(
        MARGINS, "LOGISTIC", "formula", lambda xp, margin: xp.softplus(margin)
    ),
    "hinge: no margin": Formula(
        MARGINS, "_HINGE", "formula", lambda xp, margin: xp.maximum(0 - margin, 0.0)
    ),
    "ranking: a slope beyond the kink": Formula(
        MARGINS, "POSITIVE_PART", 0, lambda xp, x: 1 + 0 * x
    ),
    "length of a vector: not divided by it": Formula(
        "losses.vectors", "_NORM", 0, lambda xp, x: x
    ),
    "gan: the fake scored as real": Formula(
        ADVERSARIAL, "_LOG_FAKE", "formula", lambda xp, f: xp.softplus(-f)
    ),
    "gan: minimax made non-saturating": Formula(
        ADVERSARIAL, "_MINIMAX", 0, lambda xp, f: -xp.sigmoid(-f)
    ),
    "gan: least squares without its half": Formula(
        ADVERSARIAL, "_SQUARE_REAL", "formula", lambda xp, s: (s - 1) * (s - 1)
    ),
    "gan: the critic's sign turned": Formula(
        ADVERSARIAL, "_LINEAR_FAKE", 0, lambda xp, f: xp.zeros_like(f) - 1
    ),
    "gan: the hinge of fakes at 0": Formula(
        ADVERSARIAL, "_HINGE_FAKE", "formula", lambda xp, f: xp.maximum(f, 0.0)
    ),
    "penalty: the square's 2 lost": Formula(
        "losses.penalties", "SQUARE", 0, lambda xp, w: w
    ),
    "multitask: the uncertainty costs nothing": Formula(
        "losses.weighting",
        "_TASK",
        "formula",
        lambda xp, loss, s: 0.5 * loss * xp.exp(-s),
    ),
}


def pytest_configure(config):
    name = os.environ.get("LOSSBOOK_FAULT")
    if name:
        FORMULAS[name].plant()
