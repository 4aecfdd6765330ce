"""Checks of what weights, masks, targets and labels mean in the Keras classes.

`keras_checks.py` runs them with its own, once for each Keras backend.
"""

import itertools
from functools import partial

import keras
import numpy as np
import pytest
from keras.src.backend.common.masking import set_keras_mask

import lossbook as lb
from lossbook.adapters import keras as for_keras

RNG = np.random.default_rng(5)
REDUCTIONS = ("sum_over_batch_size", "sum", "mean_with_sample_weight", "none")
tensor = keras.ops.convert_to_tensor
array = keras.ops.convert_to_numpy


def close(got, expected, rtol=2e-5):
    np.testing.assert_allclose(array(got), expected, rtol=rtol, atol=1e-6)


def by_hand(losses, weight, reduction):
    """Reduce losses (n, T, d) with weights of one an element; Keras averages over d."""
    if reduction == "none":
        return (weight * losses).mean(-1)
    total = (weight * losses).sum()
    if reduction == "sum":
        return total / losses.shape[-1]
    mean = reduction == "mean_with_sample_weight"
    return total / (weight.sum() if mean else losses.size)


def check_weights_of_one_a_sample_weigh_samples():
    ascending = np.arange(1.0, 10).reshape(3, 3, 1)
    loss = for_keras.MSE()(np.zeros((3, 3, 1)), ascending, sample_weight=[1, 0, 0])
    close(loss, 14 / 9)  # (1 + 4 + 9) / 9; time steps would give 66 / 9


def check_weights_of_each_shape_mean_what_lossbook_means():
    for steps, d in ((3, 1), (3, 2), (4, 1), (3, 3)):
        y, p = RNG.normal(size=(2, 3, steps, d))
        for shape in ((), (3,), (3, 1), (3, steps), (3, steps, 1), (3, steps, d)):
            weight = RNG.uniform(0.5, 2, shape)
            like = (*shape, *(1,) * (3 - len(shape)))
            if shape == (3, 1):
                like = (3, 1, 1)
            full = np.broadcast_to(weight.reshape(like), p.shape)
            for reduction in REDUCTIONS:
                got = for_keras.MSE(reduction=reduction)(y, p, weight)
                close(got, by_hand((y - p) ** 2, full, reduction))


def check_the_mean_with_weights_is_that_of_the_functions():
    y, p = RNG.normal(size=(2, 4, 3))
    weight = RNG.uniform(0, 2, 4)
    mean = {"reduction": "mean_with_sample_weight"}
    for name, loss in (("MSE", lb.mse), ("RMSE", lb.rmse), ("Huber", lb.huber)):
        got = getattr(for_keras, name)(**mean)(y, p, weight)
        close(got, loss(y, p, sample_weight=weight))
    column = np.array([[1.0], [3.0]])
    close(for_keras.MSE(**mean)(np.zeros((2, 1)), column, sample_weight=2.0), 5)
    labels, logits = np.array([0, 1, 2]), np.zeros((3, 3))
    loss = for_keras.SparseCrossEntropy(from_logits=True, ignore_index=0, **mean)
    close(loss(labels, logits, np.array([5.0, 1, 3])), np.log(3))


def check_what_counts_nothing_is_zero_with_a_gradient_of_zero():
    y, p = np.zeros((2, 3)), np.ones((2, 3))
    for reduction in REDUCTIONS:
        for name in ("MSE", "RMSE"):
            loss = getattr(for_keras, name)(reduction=reduction)
            masked = partial(with_mask, loss, [False, False])
            silent = partial(loss, sample_weight=np.zeros(2))
            for nothing in (masked, silent):
                close(nothing(y, tensor(p)), np.zeros(2) if reduction == "none" else 0)
                close(gradient(nothing, y, p), 0)
            close(gradient(loss, y, y), 0)  # where the root alone has no slope
    labels, scores = np.array([1, 1]), np.zeros((2, 2))
    loss = for_keras.SparseCrossEntropy(from_logits=True, ignore_index=1)
    close(loss(labels, scores), 0)
    close(gradient(loss, labels, scores), 0)


def with_mask(loss, mask, y, p):
    set_keras_mask(p, tensor(np.array(mask)))
    return loss(y, p)


def gradient(loss, y, p):
    """Return the derivative of a loss by the prediction."""
    if keras.backend.backend() == "torch":
        p = tensor(p).requires_grad_()
        loss(y, p).sum().backward()
        return p.grad
    if keras.backend.backend() == "jax":
        import jax

        return jax.grad(lambda p: loss(y, p).sum())(tensor(p))
    import tensorflow as tf

    p = tensor(p)
    with tf.GradientTape() as tape:
        tape.watch(p)
        value = loss(y, p)
    return tape.gradient(value, p)


def check_weights_that_fit_nothing_are_refused():
    y = np.zeros((3, 4, 1))
    for shape in ((4,), (2, 4), (1,), (3, 3), (4, 3)):
        with pytest.raises(ValueError, match="sample_weight must have"):
            for_keras.MSE()(y, y + 1, sample_weight=np.ones(shape))
    with pytest.raises(ValueError, match="negative"):
        for_keras.MSE()(y, y + 1, sample_weight=[1, -1, 1])


def check_a_mask_leaves_time_steps_out():
    y, p = RNG.normal(size=(2, 3, 4, 2))
    mask = RNG.integers(0, 2, (3, 4)).astype(bool)
    weight = RNG.uniform(0.5, 2, 3)
    full = np.broadcast_to((mask * weight[:, None])[..., None], p.shape)
    masked = tensor(p.astype("float32"))
    masked._keras_mask = tensor(mask)
    for reduction in ("sum", "mean_with_sample_weight", "none"):
        got = for_keras.MSE(reduction=reduction)(y, masked, weight)
        close(got, by_hand((y - p) ** 2, full, reduction))
    got = for_keras.MSE()(y, masked, weight)  # Keras divides by what the mask leaves
    close(got, (full * (y - p) ** 2).sum() / (2 * mask.sum()))
    root = for_keras.RMSE()(y, masked, weight)
    close(root, array(got) ** 0.5)
    masked._keras_mask = tensor(np.zeros((3, 4), bool))
    close(for_keras.MSE()(y, masked), 0)


def check_a_mask_and_ignored_labels_leave_out_both():
    labels, logits = RNG.integers(0, 3, (3, 4)), RNG.normal(size=(3, 4, 3))
    mask = RNG.integers(0, 2, (3, 4)).astype(bool)
    labels[0], mask[0] = [1, 1, 0, 0], [True, False, True, False]
    masked = tensor(logits.astype("float32"))
    masked._keras_mask = tensor(mask)
    loss = for_keras.SparseCrossEntropy(from_logits=True, ignore_index=1)
    losses = lb.sparse_cross_entropy(labels, logits, from_logits=True, reduction="none")
    close(loss(labels, masked), losses[mask & (labels != 1)].mean())


def check_the_weights_and_masks_of_the_caller_stay_as_they_are():
    loss = for_keras.SparseCrossEntropy(from_logits=True, ignore_index=0)
    labels, logits = tensor(np.array([0, 1])), tensor(np.zeros((2, 2), "float32"))
    weight = tensor(np.array([1.0, 3.0], "float32"))
    for _ in range(3):
        close(loss(labels, logits, weight), 3 * np.log(2))
        close(weight, [1, 3])
    p = tensor(np.ones((2, 1), "float32"))
    p._keras_mask = mask = tensor(np.array([True, False]))
    for reduction in REDUCTIONS[:3]:
        for _ in range(3):
            for_keras.MSE(reduction=reduction)(np.zeros((2, 1)), p, weight)
            close(weight, [1, 3])
            assert array(mask).tolist() == [True, False]


def check_a_masking_layer_takes_padded_steps_out_of_the_loss():
    x = RNG.normal(size=(4, 5, 2)).astype("float32")
    x[:, 3:] = 0
    y = RNG.normal(size=(4, 5, 1)).astype("float32")
    layers = [
        keras.layers.Input((5, 2)), keras.layers.Masking(), keras.layers.Dense(1),
    ]  # fmt: skip
    model = keras.Sequential(layers)
    model.compile("sgd", for_keras.MSE(), jit_compile=False)
    losses = (array(model(x)) - y) ** 2
    weight = RNG.uniform(0.5, 2, 4)
    close(model.evaluate(x, y, verbose=0), losses[:, :3].mean())
    weighted = (weight[:, None, None] * losses)[:, :3].mean()
    close(model.evaluate(x, y, sample_weight=weight, verbose=0), weighted)
    close(model.train_on_batch(x, y, sample_weight=weight), weighted)


def check_weights_of_samples_in_fit_on_sequences():
    x = RNG.normal(size=(3, 3, 2)).astype("float32")
    y = RNG.normal(size=(3, 3, 1)).astype("float32")
    for weight in ([1.0, 0, 0], RNG.uniform(0, 2, (3, 3)), np.ones((3, 3, 1))):
        weight = np.array(weight)
        full = weight.reshape((*weight.shape, *(1,) * (3 - weight.ndim)))
        keras.utils.set_random_seed(0)
        layers = [keras.layers.Input((3, 2)), keras.layers.Dense(1)]
        model = keras.Sequential(layers)
        model.compile("sgd", for_keras.MSE(), jit_compile=False)
        expected = (full * (array(model(x)) - y) ** 2).mean()
        close(model.evaluate(x, y, sample_weight=weight, verbose=0), expected)
        history = model.fit(x, y, sample_weight=weight, verbose=0, shuffle=False)
        close(history.history["loss"][0], expected)


def check_outputs_have_weights_of_their_own():
    x = RNG.normal(size=(6, 2)).astype("float32")
    labels, y = RNG.integers(0, 3, (6, 1)), RNG.normal(size=6).astype("float32")
    weights = {"kind": RNG.uniform(0, 2, 6), "size": RNG.uniform(0, 2, 6)}
    given = keras.layers.Input((2,))
    outputs = {
        "kind": keras.layers.Dense(3, name="kind")(given),
        "size": keras.layers.Dense(1, name="size")(given),
    }
    model = keras.Model(given, outputs)
    kind = for_keras.SparseCrossEntropy(from_logits=True)
    losses = {"kind": kind, "size": for_keras.MSE()}
    model.compile("sgd", losses, loss_weights={"kind": 1.0, "size": 2.0})
    p = {name: array(value) for name, value in model(x).items()}
    options = {"reduction": "sum_over_batch_size"}
    first = lb.sparse_cross_entropy(
        labels[:, 0], p["kind"], from_logits=True, sample_weight=weights["kind"],
        **options,
    )  # fmt: skip
    second = lb.mse(y, p["size"][:, 0], sample_weight=weights["size"], **options)
    truth = {"kind": labels, "size": y}
    got = model.evaluate(x, truth, sample_weight=weights, verbose=0, return_dict=True)
    close(got["loss"], first + 2 * second)
    assert np.isfinite(model.fit(x, truth, verbose=0).history["loss"]).all()


def check_targets_without_the_axis_of_a_column_are_taken():
    y, p = RNG.normal(size=(2, 5, 1))
    bits, unit = (y > 0).astype(float), RNG.uniform(size=(5, 1))
    for name, truth, pred in (
        ("MSE", y, p), ("Huber", y, p), ("RMSE", y, p), ("LogCosh", y, p),
        ("BinaryCrossEntropy", bits, unit), ("Focal", bits, unit), ("Hinge", bits, p),
    ):  # fmt: skip
        loss = getattr(for_keras, name)()
        close(loss(truth[:, 0], pred), array(loss(truth, pred)), 1e-7)
        steps = (truth[None, ..., 0], pred[None])  # (1, 5) for outputs (1, 5, 1)
        close(loss(*steps), array(loss(truth[None], pred[None])), 1e-7)


def check_what_would_repeat_elements_is_refused():
    for got, want in (
        ((5, 1), (5,)),
        ((5,), (5, 5)),
        ((5, 1), (5, 2)),
        ((1, 1), (5, 1)),
    ):
        with pytest.raises(ValueError, match="must have the same shape"):
            for_keras.MSE()(np.zeros(got), np.zeros(want))
    scores = np.ones((5, 3)) / 3
    for got in ((1,), (1, 1), (5, 2), (5, 1, 1), (1, 5)):
        with pytest.raises(ValueError, match=r"y_true( and y_pred.*)? must have"):
            for_keras.SparseCrossEntropy()(np.zeros(got), scores)


def check_labels_in_a_column_are_taken():
    scores = RNG.normal(size=(4, 3))
    labels = np.array([0, 2, 1, 2], "uint8")
    for name in ("SparseCrossEntropy", "MulticlassHinge", "SparseFocal"):
        options = {} if name == "MulticlassHinge" else {"from_logits": True}
        loss = getattr(for_keras, name)(**options)
        close(loss(labels[:, None], scores), array(loss(labels, scores)), 1e-7)
        weight = np.array([1.0, 0.5, 0, 2])
        columns = loss(labels[:, None], scores, weight[:, None])
        close(columns, array(loss(labels, scores, weight)), 1e-7)
    images = RNG.normal(size=(2, 3, 4, 4))  # classes on axis 1
    places = RNG.integers(0, 3, (2, 4, 4))
    loss = for_keras.SparseCrossEntropy(from_logits=True, axis=1)
    for column in (places[..., None], places[:, None]):
        close(loss(column, images), array(loss(places, images)), 1e-7)


def check_a_hinge_takes_labels_0_and_1():
    bits, scores = np.array([0, 1, 1, 0]), np.array([0.5, 0.5, -2.0, -0.5])
    for name, loss in (("Hinge", lb.hinge), ("SquaredHinge", lb.squared_hinge)):
        ours, theirs = getattr(for_keras, name)(), getattr(keras.losses, name)()
        for truth in (bits, 2 * bits - 1, np.ones(4), bits.astype("float32")):
            close(ours(truth, scores), array(theirs(truth, scores)))
        close(ours(bits, scores), loss(2 * bits - 1, scores))
        with pytest.raises(ValueError, match="2 \\* y - 1"):
            ours(np.array([-1, 0, 1, 1]), scores)
        weight = np.array([1.0, 1, 1, 0])  # what weighs nothing does not decide
        padded = np.array([0, 1, 1, -1])
        close(
            ours(padded, scores, weight),
            loss([-1, 1, 1, -1], scores, sample_weight=weight, reduction="sum") / 4,
        )
        padded = np.array([-1, 1, 1, 0])
        close(
            ours(padded, scores, weight),
            loss([-1, 1, 1, -1], scores, sample_weight=weight, reduction="sum") / 4,
        )
        with pytest.raises(ValueError, match="same shape"):
            ours(bits[None, :1], scores[:, None], weight)
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), for_keras.Hinge(), jit_compile=False)
    x = RNG.normal(size=(64, 2)).astype("float32")
    model.fit(x, (x[:, 0] > 0).astype(int), epochs=30, verbose=0)
    assert np.mean((array(model(x))[:, 0] > 0) == (x[:, 0] > 0)) > 0.9


def check_labels_may_be_floats_but_not_fractions():
    scores = np.full((2, 3), 1 / 3)
    loss = for_keras.SparseCrossEntropy()
    for dtype in ("float32", "float64", "int32", "uint8", "bool"):
        close(loss(np.array([0, 1], dtype), scores), np.log(3))
    for wrong in ([0.5, 1], [np.nan, 1], [np.inf, 1]):
        with pytest.raises(ValueError, match="integer labels"):
            loss(np.array(wrong), scores)
    many = np.zeros((1, 2**24 + 2), "float32")  # a float32 cannot hold the last label
    many[0, -1] = 1
    close(loss(np.array([2**24 + 1]), many), 0)


def check_fractional_labels_are_nan_where_values_cannot_be_looked_at():
    if keras.backend.backend() != "torch":
        return  # see keras_graph_checks.py
    import torch

    loss = for_keras.SparseCrossEntropy(from_logits=True)
    compiled = torch.compile(loss, fullgraph=True, backend="eager")
    scores = torch.zeros(2, 3)
    assert torch.isnan(compiled(torch.tensor([0.5, 1.0]), scores))
    close(compiled(torch.tensor([0.0, 1.0]), scores), np.log(3))


def check_a_function_as_loss_cannot_see_the_weights():
    """Hold what the docstring says; if Keras changes it, it can be said better."""
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    model = keras.Sequential([keras.layers.Input((1,)), layer])
    x, y = np.array([[1.0], [2.0], [3.0]]), np.zeros((3, 1))
    weight = np.array([1.0, 0, 0])
    given = {
        loss: model.compile(loss=loss) or model.evaluate(x, y, 3, 0, weight)
        for loss in (lb.mse, for_keras.MSE())
    }
    close(list(given.values()), [14 / 3 / 3, 1 / 3])
    assert "compile(loss=lossbook.mse)" in for_keras.__doc__


def check_reductions_and_dtypes_of_keras():
    y, p = np.zeros((2, 2)), np.array([[1.0, 2], [3, 4]])
    dtypes = ["float16", "bfloat16", "float32", "float64"]
    if keras.backend.backend() == "jax":  # which has none unless it is told to
        dtypes.remove("float64")
    for reduction, dtype in itertools.product(
        ("sum_over_batch_size", "mean", "sum", "none", None), dtypes
    ):
        options = {"reduction": reduction, "dtype": dtype}
        ours, theirs = (
            for_keras.MSE(**options),
            keras.losses.MeanSquaredError(**options),
        )
        close(ours(y, p), array(keras.ops.cast(theirs(y, p), "float32")))
        wide = "float64" if dtype == "float64" else "float32"
        assert keras.backend.standardize_dtype(ours(y, p).dtype) == wide


def check_call_gives_the_losses_of_the_samples():
    y, p = RNG.normal(size=(2, 4, 3))
    close(for_keras.MSE().call(y, p), ((y - p) ** 2).mean(-1))
    labels, scores = np.array([[0], [2]]), RNG.normal(size=(2, 3))
    loss = for_keras.SparseCrossEntropy(from_logits=True)
    expected = lb.sparse_cross_entropy(
        labels[:, 0], scores, from_logits=True, reduction="none"
    )
    close(loss.call(labels, scores), expected)


CHECKS = [f for name, f in globals().items() if name.startswith("check_")]
