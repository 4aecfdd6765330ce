"""Losses for two models in a game, of which one makes what the other tells from real.

All of them work on raw scores (logits). Below, s are the scores of real samples and f
those of fake ones; by kind, the losses of discriminator and generator are

================== ================================= ==========================
kind               discriminator                     generator
================== ================================= ==========================
``minimax``        softplus(-s) + softplus(f)        -softplus(f)
``non_saturating`` softplus(-s) + softplus(f)        softplus(-f)
``least_squares``  (s - 1)² / 2 + f² / 2             (f - 1)² / 2
``wasserstein``    -s + f                            -f
``hinge``          max(0, 1 - s) + max(0, 1 + f)     -f
================== ================================= ==========================
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from math import prod
from typing import Any, Literal, get_args

from lossbook.backends import Array, Backend, Of1, backend_of
from lossbook.core import inputs
from lossbook.core.checks import Weights, check_between, within_unit
from lossbook.core.pointwise import Elementwise
from lossbook.core.reduction import Reduction, check_reduction, reduce, weighted
from lossbook.core.registry import loss
from lossbook.losses.penalties import SQUARE
from lossbook.losses.vectors import norm

Kind = Literal["minimax", "non_saturating", "least_squares", "wasserstein", "hinge"]
KINDS = get_args(Kind)


@loss("scores")
def gan_discriminator(
    real: Any,
    fake: Any,
    *,
    kind: Kind = "non_saturating",
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Loss of the discriminator (critic) of a generative adversarial network.

    With the scores s of real and f of fake samples it is the sum of two means, by kind

    .. math:: \text{minimax, non\_saturating:} \quad
              \ell = \log(1 + e^{-s}) + \log(1 + e^{f}), \qquad
              \ell'_s = -\sigma(-s), \quad \ell'_f = \sigma(f)
    .. math:: \text{least\_squares:} \quad
              \ell = \tfrac12 (s - 1)^2 + \tfrac12 f^2, \qquad
              \ell'_s = s - 1, \quad \ell'_f = f
    .. math:: \text{wasserstein:} \quad \ell = -s + f, \qquad
              \ell'_s = -1, \quad \ell'_f = 1
    .. math:: \text{hinge:} \quad \ell = \max(0, 1 - s) + \max(0, 1 + f), \qquad
              \ell'_s = -[s < 1], \quad \ell'_f = [f > -1]

    The first two are in nats. At the kinks of the hinge the slope is 0.

    Parameters
    ----------
    real, fake : array
        Scores of real and of fake samples, of any shape each; detach the fake samples
        from the generator.
    kind : {"minimax", "non_saturating", "least_squares", "wasserstein", "hinge"}
        Which game is played.
    sample_weight, reduction : optional
        As in :func:`lossbook.mse`, applied to both parts before they are added; for
        weights and for ``"none"`` both must have the same shape.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `real`.

    Raises
    ------
    ValueError
        If `kind` is unknown, and as in :func:`lossbook.mse`.

    References
    ----------
    Goodfellow, I. et al. (2014), Generative adversarial nets. X. Mao et al. (2017),
    Least squares generative adversarial networks. M. Arjovsky, S. Chintala, L. Bottou
    (2017), Wasserstein GAN. J. H. Lim, J. C. Ye (2017), Geometric GAN.

    Examples
    --------
    >>> import lossbook as lb
    >>> round(float(lb.gan_discriminator([0.0, 0.0], [0.0])), 4)  # undecided: log 4
    1.3863
    >>> float(lb.gan_discriminator([2.0], [-0.5], kind="hinge"))
    0.5
    """
    _check_kind(kind)
    xp = backend_of(real, fake, sample_weight)
    real = _scores(xp, real, "real", fake, reduction)
    fake = xp.cast(_scores(xp, fake, "fake", real, reduction), real)
    if reduction == "none" or sample_weight is not None:
        inputs.check_shapes(xp, fake, real, ("fake", "real"))
    of_real, of_fake = _DISCRIMINATOR[kind]
    weights = inputs.weights_of(xp, sample_weight, real)
    return of_real.reduced(
        xp, real, weights=weights, reduction=reduction
    ) + of_fake.reduced(xp, fake, weights=weights, reduction=reduction)


@loss("scores")
def gan_generator(
    fake: Any,
    *,
    kind: Kind = "non_saturating",
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Loss of the generator of a generative adversarial network.

    With the scores f that the discriminator gives to what was made, by kind

    .. math:: \text{minimax:} \quad \ell = -\log(1 + e^{f}), \qquad
              \ell' = -\sigma(f)
    .. math:: \text{non\_saturating:} \quad \ell = \log(1 + e^{-f}), \qquad
              \ell' = -\sigma(-f)
    .. math:: \text{least\_squares:} \quad \ell = \tfrac12 (f - 1)^2, \qquad
              \ell' = f - 1
    .. math:: \text{wasserstein, hinge:} \quad \ell = -f, \qquad \ell' = -1

    Of minimax the slope vanishes where the discriminator sees through the fake, where
    it would be needed: non_saturating has the same fixed point and a slope of -1 there.

    Parameters
    ----------
    fake : array
        Scores of the samples made, of any shape.
    kind : {"minimax", "non_saturating", "least_squares", "wasserstein", "hinge"}
        Which game is played.
    sample_weight, reduction : optional
        As in :func:`lossbook.mse`.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `fake`.

    Raises
    ------
    ValueError
        As in :func:`gan_discriminator`.

    References
    ----------
    As in :func:`gan_discriminator`.

    Examples
    --------
    >>> import lossbook as lb
    >>> float(lb.gan_generator([-1e4]))
    10000.0
    >>> lb.value_and_grad(lb.gan_generator)([-1e4], kind="minimax")[1].tolist()
    [-0.0]
    """
    _check_kind(kind)
    xp = backend_of(fake, sample_weight)
    fake = _scores(xp, fake, "fake", sample_weight, reduction)
    weights = inputs.weights_of(xp, sample_weight, fake)
    return _GENERATOR[kind].reduced(xp, fake, weights=weights, reduction=reduction)


_LOG_REAL = Elementwise[Of1](  # -log sigma(s)
    "minus_log_sigmoid",
    formula=lambda xp, s: xp.softplus(-s),
    derivatives=[lambda xp, s: -xp.sigmoid(-s)],
)
_LOG_FAKE = Elementwise[Of1](  # -log(1 - sigma(f))
    "softplus",
    formula=lambda xp, f: xp.softplus(f),
    derivatives=[lambda xp, f: xp.sigmoid(f)],
)
_MINIMAX = Elementwise[Of1](
    "minus_softplus",
    formula=lambda xp, f: -xp.softplus(f),
    derivatives=[lambda xp, f: -xp.sigmoid(f)],
)
_SQUARE_REAL = Elementwise[Of1](
    "half_square_from_1",
    formula=lambda xp, s: 0.5 * (s - 1) * (s - 1),
    derivatives=[lambda xp, s: s - 1],
)
_SQUARE_FAKE = Elementwise[Of1](
    "half_square",
    formula=lambda xp, f: 0.5 * f * f,
    derivatives=[lambda xp, f: 1 * f],
)
_LINEAR_REAL = Elementwise[Of1](
    "minus",
    formula=lambda xp, s: -s,
    derivatives=[lambda xp, s: xp.zeros_like(s) - 1],
)
_LINEAR_FAKE = Elementwise[Of1](
    "plus",
    formula=lambda xp, f: 1 * f,
    derivatives=[lambda xp, f: xp.zeros_like(f) + 1],
)
_HINGE_REAL = Elementwise[Of1](
    "hinge_of_real",
    formula=lambda xp, s: xp.maximum(1 - s, 0.0),
    derivatives=[lambda xp, s: -xp.maximum(xp.sign(1 - s), 0.0)],
)
_HINGE_FAKE = Elementwise[Of1](
    "hinge_of_fake",
    formula=lambda xp, f: xp.maximum(1 + f, 0.0),
    derivatives=[lambda xp, f: xp.maximum(xp.sign(1 + f), 0.0)],
)

# By kind, the loss of the real and of the fake samples.
_DISCRIMINATOR = {
    "minimax": (_LOG_REAL, _LOG_FAKE),
    "non_saturating": (_LOG_REAL, _LOG_FAKE),
    "least_squares": (_SQUARE_REAL, _SQUARE_FAKE),
    "wasserstein": (_LINEAR_REAL, _LINEAR_FAKE),
    "hinge": (_HINGE_REAL, _HINGE_FAKE),
}
_GENERATOR = {
    "minimax": _MINIMAX,
    "non_saturating": _LOG_REAL,
    "least_squares": _SQUARE_REAL,
    "wasserstein": _LINEAR_REAL,
    "hinge": _LINEAR_REAL,
}


@loss("scores")
def gradient_penalty(
    critic: Callable[[Array], Array],
    real: Any,
    fake: Any,
    *,
    target: float = 1.0,
    mix: Any = None,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Penalty on a critic whose slope between real and fake samples is not 1.

    .. math:: \ell_i = \bigl(\|\nabla_x D(\hat x_i)\|_2 - t\bigr)^2, \qquad
              \hat x_i = \epsilon_i x_i + (1 - \epsilon_i) \tilde x_i, \qquad
              \epsilon_i \sim U(0, 1)

    The loss of the critic is ``gan_discriminator(..., kind="wasserstein")`` plus ten
    times this. With ``target=0, mix=1`` it is the penalty R1, on the squared slope at
    real samples. Samples count as constants: the gradient is by the parameters of the
    critic, by way of second derivatives. Where the slope of the critic is exactly 0,
    its norm is taken to have the gradient 0.

    Parameters
    ----------
    critic : callable
        The model; it gives one score a sample, and must not mix samples (no batch
        normalisation).
    real, fake : array
        Samples of PyTorch, TensorFlow or JAX, of the same shape (n, ...) and dtype.
    target : float
        The norm t that the slope should have, 0 or more.
    mix : number or array, optional
        The shares of the real samples, in [0, 1]; one, or one a sample. By default
        drawn by the framework's own generator; under ``jax.jit``, where that would give
        the same ones in every call, they must be passed.
    sample_weight, reduction : optional
        As in :func:`lossbook.mse`; one loss a sample.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses, of shape (n,).

    Raises
    ------
    TypeError
        If the samples are NumPy arrays, through whose critic there is no second
        derivative, or integers.
    ValueError
        If the shapes differ, `mix` leaves [0, 1], `target` is negative, or the critic
        does not give one score a sample.

    References
    ----------
    Gulrajani, I., F. Ahmed, M. Arjovsky, V. Dumoulin, A. Courville (2017), Improved
    training of Wasserstein GANs. L. Mescheder, A. Geiger, S. Nowozin (2018), Which
    training methods for GANs do actually converge?

    Examples
    --------
    >>> import torch, lossbook as lb  # doctest: +SKIP
    >>> real, fake = torch.ones(2, 1), torch.zeros(2, 1)  # doctest: +SKIP
    >>> lb.gradient_penalty(lambda x: 3 * x[:, 0], real, fake)  # doctest: +SKIP
    tensor(4.)
    """
    target = check_between("target", target, 0, sys.float_info.max)
    xp = backend_of(real, fake)
    if xp.input_gradient is None:
        raise TypeError(
            "gradient_penalty needs samples of a framework that differentiates twice, "
            "PyTorch, TensorFlow or JAX, got NumPy's. Use torch.as_tensor(real) and "
            "torch.as_tensor(fake), with a critic of the same framework."
        )
    check_reduction(reduction)
    real, fake = _samples(xp, real, fake)
    inputs.check_not_empty(xp, real, "real", reduction)
    weights = inputs.weights_of(xp, sample_weight, _one_of_each(xp, real))
    if weights is not None:
        real, fake = (_counted_samples(xp, weights.values, x) for x in (real, fake))
    fraction = _fractions(xp, mix, real, weights)

    def scores(x: Array) -> Array:
        return _one_a_sample(xp, critic(x), x)

    between = weighted(xp, real, fraction) + weighted(xp, fake, 1 - fraction)
    gradients = xp.to_float(_flat(xp, xp.input_gradient(scores, between)))
    losses = SQUARE.losses(xp, norm(xp, gradients) - target)
    return reduce(xp, losses, weights, reduction)


def _one_of_each(xp: Backend, samples: Array) -> Array:
    """Return one number a sample, in the precision of the losses."""
    return xp.to_float(xp.stop_gradient(_flat(xp, samples)[:, 0]))


def _flat(xp: Backend, samples: Array) -> Array:
    """Return the samples as rows."""
    sizes = [size for size in xp.shape(samples)[1:] if size is not None]
    if len(sizes) + 1 < len(xp.shape(samples)):
        raise ValueError(
            "real must have axes of known length, but for the first, got "
            f"{xp.shape(samples)}. Use tf.ensure_shape."
        )
    return xp.reshape(samples, (-1, prod(sizes)))


def _counted_samples(xp: Backend, weight: Array, samples: Array) -> Array:
    """Return the samples, zeros in the place of those that weigh nothing."""
    shape = (-1, *(1 for _ in xp.shape(samples)[1:]))
    silent = xp.reshape(weight, shape) == 0
    return xp.where(silent, xp.zeros_like(samples), samples)


def _samples(xp: Backend, real: Any, fake: Any) -> tuple[Array, Array]:
    real, fake = xp.asarray(real, "real", fake), xp.asarray(fake, "fake", real)
    if xp.is_integer(real) or real.dtype != fake.dtype:
        raise TypeError(
            "real and fake must have one floating dtype, got "
            f"{xp.dtype_name(real)} and {xp.dtype_name(fake)}. Convert the samples "
            "as for the critic."
        )
    if xp.shape(real) == ():
        raise ValueError("real must hold samples, shape (n, ...), got a single number.")
    return real, inputs.check_shapes(xp, fake, real, ("fake", "real"))


def _fractions(xp: Backend, mix: Any, real: Array, weights: Weights | None) -> Array:
    """Return the fractions of the real samples, with as many axes as these."""
    ones = [1] * (len(xp.shape(real)) - 1)
    if mix is None:
        return xp.random_fractions(real, ones)
    share = xp.cast(xp.asarray(mix, "mix", real), real)
    got, n = xp.shape(share), xp.shape(real)[:1]
    if got and not inputs.could_be_equal(got, n):
        raise ValueError(f"mix must be a number or of shape {n}, got shape {got}.")
    share = xp.fitting(share, real, "mix", "real, one a sample")
    each = weights if got else None
    share = within_unit(xp, share, "mix", "It is the share of the real samples.", each)
    counted = share if each is None else _counted_samples(xp, each.values, share)
    return xp.reshape(counted, (-1, *ones))


def _one_a_sample(xp: Backend, scores: Array, x: Array) -> Array:
    got, n = xp.shape(scores), xp.shape(x)[0]
    if got[1:] not in ((), (1,)) or not inputs.could_be_equal(got[:1], (n,)):
        raise ValueError(
            f"critic must give one score a sample, shape ({n},) or ({n}, 1), got shape "
            f"{got}. Take the mean over the other axes inside of it."
        )
    return scores


def _check_kind(kind: Any) -> None:
    if kind not in KINDS:
        raise ValueError(
            f"kind must be one of {', '.join(map(repr, KINDS))}, got {kind!r}."
        )


def _scores(xp: Backend, scores: Any, name: str, like: Any, reduction: str) -> Array:
    check_reduction(reduction)
    array = xp.to_float(xp.asarray(scores, name, like))
    inputs.check_not_empty(xp, array, name, reduction)
    return array
