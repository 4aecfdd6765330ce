"""Losses of masks: empty masks, what is not there, axes, and other libraries."""

import numpy as np
import pytest

import lossbook as lb

from ..backends import BACKENDS, array, numpy_of

RNG = np.random.default_rng(4)
SHAPE = (3, 4, 5, 6)  # samples, classes, height, width
LABELS = RNG.integers(0, 4, (3, 5, 6))
MASKS = (LABELS[:, None] == np.arange(4)[:, None, None]) * 1.0
Z = RNG.normal(size=SHAPE)
P = np.exp(Z) / np.exp(Z).sum(1, keepdims=True)
LOSSES = {name: getattr(lb, name) for name in ("dice", "jaccard", "tversky", "lovasz")}
on_every_backend = pytest.mark.parametrize("backend", BACKENDS)
every_loss = pytest.mark.parametrize("name", LOSSES)


def found(name, backend, y, p, **options):
    """Return the losses of the masks, and the gradient of their sum."""
    y, p = array(backend, y), array(backend, p)
    losses = LOSSES[name](y, p, reduction="none", **options)
    _, slopes = lb.value_and_grad(LOSSES[name], argnum=1)(
        y, p, reduction="sum", **options
    )
    return numpy_of(losses), numpy_of(slopes)


def close(got, expected):
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)


@on_every_backend
def test_an_empty_mask_costs_what_the_docstrings_say(backend):
    y, p = np.zeros((2, 4)), np.array([[0.0, 0.25, 0.5, 0.25], [0.0] * 4])
    close(found("dice", backend, y, p)[0], [1 / 2, 0])
    close(found("jaccard", backend, y, p, smooth=3.0)[0], [1 / 4, 0])
    options = {"alpha": 0.25, "gamma": 2.0}
    close(found("tversky", backend, y, p, **options)[0], [0.2**2, 0])
    _, slopes = found("dice", backend, y, p)
    close(slopes, [[1 / 4] * 4, [1.0] * 4])  # s / (P + s)^2: false alarms go away
    for name in ("dice", "jaccard", "tversky"):
        losses, slopes = found(name, backend, y, p, smooth=0.0)
        close(losses, [1, 0])
        np.testing.assert_array_equal(slopes[0], 0)
        assert np.isfinite(slopes).all()
    losses, slopes = found("lovasz", backend, y, p)
    close(losses, [0.5, 0])
    np.testing.assert_array_equal(slopes[0], [0, 0, 1, 0])


@on_every_backend
def test_the_four_are_related_as_the_docstrings_say(backend):
    y, p = MASKS.reshape(3, -1), P.reshape(3, -1)
    dice, slopes = found("dice", backend, y, p)
    close(found("tversky", backend, y, p, smooth=0.5), (dice, slopes))
    whole = (y + p).sum(1) + 1
    close(dice, 1 - (2 * (y * p).sum(1) + 1) / whole)
    bare, _ = found("dice", backend, y, p, smooth=0.0)
    jaccard = found("jaccard", backend, y, p, smooth=0.0)
    close(jaccard[0], 2 * bare / (1 + bare))
    close(found("tversky", backend, y, p, alpha=1, beta=1, smooth=0.0), jaccard)
    plain = found("tversky", backend, y, p, alpha=0.25, beta=0.75)
    power = found("tversky", backend, y, p, alpha=0.25, beta=0.75, gamma=3.0)
    close(power[0], plain[0] ** 3)
    close(power[1], 3 * plain[0][:, None] ** 2 * plain[1])
    misses, alarms = np.array([[1, 1, 0]]), np.array([[1, 0, 0]])
    for wrong, loss in (
        (misses, 0.6 / 1.6),
        (alarms, 0.2 / 1.2),
    ):  # 1 is missed, or 1 more
        y, p = (wrong, alarms) if wrong is misses else (wrong, misses)
        options = {"alpha": 0.2, "beta": 0.6, "smooth": 0.0}
        close(found("tversky", backend, y * 1.0, p * 1.0, **options)[0], [loss])
    hard = (P > 0.3) * 1.0
    losses, _ = found("lovasz", backend, MASKS, hard)
    both = (hard * MASKS).reshape(3, -1).sum(1)
    close(losses, 1 - both / np.maximum(hard, MASKS).reshape(3, -1).sum(1))


@on_every_backend
@every_loss
def test_classes_stand_on_any_axis_and_are_masks_of_their_own(name, backend):
    losses, slopes = found(name, backend, MASKS, P, axis=1)
    assert losses.shape == (3, 4)
    rows = MASKS.reshape(12, 30), P.reshape(12, 30)
    expected = found(name, backend, *rows)
    close((losses.ravel(), slopes.reshape(12, 30)), expected)
    last = [np.moveaxis(x, 1, -1) for x in (MASKS, P)]
    close(found(name, backend, *last, axis=-1)[0], losses)
    logits, by_logit = found(name, backend, MASKS, Z, axis=1, from_logits=True)
    close(logits, losses)
    inner = (slopes * P).sum(1, keepdims=True)
    np.testing.assert_allclose(by_logit, P * (slopes - inner), atol=1e-12)
    weight = np.array([0.0, 1.0, 2.0, 1.0])
    mean = LOSSES[name](
        *(array(backend, x) for x in (MASKS, P)), axis=1, class_weight=weight
    )
    close([float(mean)], [np.sum(losses * weight) / (3 * 4)])


@on_every_backend
@every_loss
@pytest.mark.parametrize("logits", [False, True], ids=["probabilities", "logits"])
def test_pixels_that_are_ignored_are_not_there(name, logits, backend):
    y, p = MASKS[:, 1].reshape(3, -1).copy(), (Z if logits else P)[:, 1].reshape(3, -1)
    off = np.arange(30) % 3 == 1
    y[:, off], y[2] = 255, 255
    p = np.where(y == 255, np.nan, p)
    options = {"from_logits": logits}
    expected = found(name, backend, y[:2, ~off], p[:2, ~off], **options)
    losses, slopes = found(name, backend, y, p, ignore_index=255, **options)
    close((losses[:2], slopes[:2][:, ~off]), expected)
    assert losses[2] == 0
    assert not slopes[y == 255].any()
    mean = LOSSES[name](
        *(array(backend, x) for x in (y, p)), ignore_index=255, **options
    )
    close([float(mean)], [expected[0].mean()])  # the third has no pixel: not there


@on_every_backend
@every_loss
def test_a_softmax_forgets_what_is_ignored_and_what_weighs_nothing(name, backend):
    y, z = MASKS.copy(), Z.copy()
    y[0, :, :2], z[0, :, :2] = 255, np.nan
    z[1] = np.nan
    weight = np.array([1.0, 0.0, 2.0])
    options = {"axis": 1, "from_logits": True, "sample_weight": array(backend, weight)}
    losses, slopes = found(name, backend, y, z, ignore_index=255, **options)
    assert np.isfinite(losses).all()
    assert np.isfinite(slopes).all()
    assert not slopes[1].any()
    kept = found(
        name, backend, MASKS[:1, :, 2:], Z[:1, :, 2:], axis=1, from_logits=True
    )
    close((losses[:1], slopes[:1, :, 2:]), kept)


@on_every_backend
@every_loss
def test_a_perfect_answer_costs_nothing_and_certainty_is_no_trouble(name, backend):
    y = np.array([[1.0, 0.0, 0.0, 1.0]])
    assert found(name, backend, y, y)[0] == 0
    far = np.where(y == 1, 1e4, -np.inf)
    for dtype in (np.float32, np.float64):
        losses, slopes = found(
            name, backend, y.astype(dtype), far.astype(dtype), from_logits=True
        )
        assert losses == 0
        assert not slopes.any()
        losses, slopes = found(
            name, backend, y.astype(dtype), -far.astype(dtype), from_logits=True
        )
        assert losses > 0.6
        assert np.isfinite(slopes).all()


@on_every_backend
def test_a_power_below_1_has_no_infinite_slope(backend):
    y = np.array([[1.0, 0.0]])
    losses, slopes = found("tversky", backend, y, y, gamma=0.5)
    assert losses == 0
    assert not slopes.any()


@on_every_backend
@every_loss
def test_what_is_no_mask_is_refused_with_the_remedy(name, backend):
    loss = LOSSES[name]
    p, labels = array(backend, P), array(backend, LABELS)
    with pytest.raises(ValueError, match=r"0 and 1 alone.*axis=-1 for labels"):
        loss(array(backend, MASKS * 0.5), p, axis=1)
    with pytest.raises(ValueError, match="ignore_index=255"):
        loss(array(backend, MASKS * 255), p, axis=1)
    with pytest.raises(ValueError, match="y_true and y_pred must have the same shape"):
        loss(labels, p, axis=1)
    with pytest.raises(ValueError, match=r"y_pred must have.*y_pred\[None\]"):
        loss(array(backend, MASKS[0, 0, 0]), array(backend, P[0, 0, 0]))
    with pytest.raises(ValueError, match=r"axis must be.*\[1, 3\].*got 0"):
        loss(array(backend, MASKS), p, axis=0)
    with pytest.raises(ValueError, match="class_weight must come with axis"):
        loss(array(backend, MASKS), p, class_weight=[1.0] * 4)
    one = [array(backend, x[:, :1]) for x in (MASKS, Z)]
    with pytest.raises(ValueError, match=r"single class.*Leave axis out"):
        loss(*one, axis=1, from_logits=True)
    with pytest.raises(ValueError, match="Pass from_logits=True"):
        loss(array(backend, MASKS), array(backend, Z))


def test_weights_of_0_that_are_both_are_refused():
    with pytest.raises(ValueError, match="alpha and beta must not both be 0"):
        lb.tversky(MASKS, P, alpha=0, beta=0)


def test_a_graph_of_tensorflow_takes_pictures_of_any_size():
    import tensorflow as tf

    unknown = [tf.TensorSpec((None,) * 4, tf.float64)] * 2
    args = [tf.constant(x) for x in (MASKS, Z)]
    for loss in LOSSES.values():

        def of_classes(y, z, loss=loss):
            return loss(y, z, axis=1, from_logits=True, reduction="none")

        for made in (of_classes, lambda y, z, loss=loss: loss(y, z, from_logits=True)):
            graph = tf.function(made, input_signature=unknown, autograph=False)
            np.testing.assert_allclose(graph(*args), made(*args), rtol=1e-12)


# Other libraries, on the settings where they agree


def other(name):
    package = name.partition(".")[0].replace("_", "-")
    return pytest.importorskip(name, reason=f"needs pip install {package}")


def tensors(*arrays):
    import torch

    return [torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in arrays]


def same(theirs, ours, z):
    """Hold the value of a loss and its gradient against those of lossbook."""
    import torch

    pair = [(loss, *torch.autograd.grad(loss, z)) for loss in (theirs, ours)]
    for a, b in zip(*pair, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-8, check_dtype=False)


def test_monai_agrees_with_its_constants_of_1():
    losses = other("monai.losses")
    y, z = tensors(MASKS, Z)
    constants = {"smooth_nr": 1.0, "smooth_dr": 1.0}
    ours = {"axis": 1, "from_logits": True}
    same(losses.DiceLoss(softmax=True, **constants)(z, y), lb.dice(y, z, **ours), z)
    theirs = losses.DiceLoss(softmax=True, jaccard=True, **constants)(z, y)
    half = lb.jaccard(y, z, smooth=0.5, **ours)  # it doubles all but the constants
    same(theirs, half, z)
    theirs = losses.TverskyLoss(softmax=True, alpha=0.2, beta=0.6, **constants)(z, y)
    same(theirs, lb.tversky(y, z, alpha=0.2, beta=0.6, **ours), z)
    pixels = y[:, :1], z[:, :1]
    theirs = losses.DiceLoss(sigmoid=True, **constants)(pixels[1], pixels[0])
    same(theirs, lb.dice(*pixels, from_logits=True), z)


def test_kornia_agrees_without_smoothing():
    losses = other("kornia.losses")
    labels, y, z = tensors(LABELS, MASKS, Z)
    ours = {"axis": 1, "from_logits": True, "smooth": 0.0}
    theirs = losses.dice_loss(z, labels, average="macro", eps=0.0)
    same(theirs, lb.dice(y, z, **ours), z)
    theirs = losses.lovasz_softmax_loss(z[:1], labels[:1])  # the batch is one picture
    same(theirs, lb.lovasz(y[:1], z[:1], axis=1, from_logits=True), z)


def test_segmentation_models_agree_on_one_picture():
    losses = other("segmentation_models_pytorch.losses")
    labels, y, z = tensors(LABELS[:1], MASKS[:1], Z[:1])  # sums are over the batch
    ours = {"axis": 1, "from_logits": True}
    theirs = losses.DiceLoss("multiclass", smooth=0.5)(z, labels)  # counted twice
    same(theirs, lb.dice(y, z, **ours), z)
    same(
        losses.JaccardLoss("multiclass", smooth=1.0)(z, labels),
        lb.jaccard(y, z, **ours), z,
    )  # fmt: skip
    weights = {"alpha": 0.2, "beta": 0.6, "gamma": 1.5, "smooth": 1.0}
    theirs = losses.TverskyLoss("multiclass", **weights)(z, labels)
    plain = lb.tversky(y, z, **{**weights, "gamma": 1.0}, **ours, reduction="none")
    same(theirs, plain.mean() ** 1.5, z)  # the power of the mean, not its mean
    y, z = y.float().detach(), z.detach().float().requires_grad_()  # it takes no other
    same(losses.LovaszLoss("multiclass")(z, labels), lb.lovasz(y, z, **ours), z)
