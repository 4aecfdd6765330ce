"""Ranking losses: definitions, parity with torch, edges and errors."""

import numpy as np
import pytest

import lossbook as lb

from ..backends import BACKENDS, array, numpy_of

RNG = np.random.default_rng(11)
ABOVE, BELOW = RNG.normal(size=(2, 6))
MANY = RNG.normal(size=(6, 4))
VECTORS = RNG.normal(size=(3, 6, 5))
CALLS = [
    (lb.margin_ranking, (ABOVE, BELOW)),
    (lb.bpr, (ABOVE, BELOW)),
    (lb.warp, (ABOVE, MANY)),
    (lb.triplet, tuple(VECTORS)),
    (lb.info_nce, tuple(VECTORS[:2])),
]
NAMES = [loss.__name__ for loss, _ in CALLS]


def on(backend, arrays, dtype=np.float64):
    return [array(backend, np.asarray(x, dtype)) for x in arrays]


@pytest.mark.parametrize(("loss", "args"), CALLS, ids=NAMES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_by_every_argument_are_those_of_differences(backend, loss, args):
    args = on(backend, args)
    for k in range(len(args)):

        def by(x, k=k):
            return loss(*args[:k], x, *args[k + 1 :])

        assert lb.check_gradient(by, args[k]) < 1e-6


@pytest.mark.parametrize(("loss", "args"), CALLS, ids=NAMES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_weights_and_reductions_mean_what_they_mean_everywhere(backend, loss, args):
    args, w = on(backend, args), np.array([1.0, 0, 2, 0.5, 3, 1])
    each = numpy_of(loss(*args, reduction="none"))
    assert each.shape == (6,)
    expected = {
        "mean": np.sum(w * each) / np.sum(w),
        "sum": np.sum(w * each),
        "sum_over_batch_size": np.sum(w * each) / 6,
        "none": w * each,
    }
    for reduction, value in expected.items():
        got = loss(*args, sample_weight=array(backend, w), reduction=reduction)
        np.testing.assert_allclose(numpy_of(got), value, rtol=1e-12)


@pytest.mark.parametrize(("loss", "args"), CALLS, ids=NAMES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_half_precision_is_computed_in_float32(backend, loss, args):
    halves = on(backend, args, np.float16)
    wide = on(backend, [np.asarray(x, np.float16) for x in args], np.float32)
    got = loss(*halves)
    assert numpy_of(got).dtype == np.float32
    np.testing.assert_allclose(numpy_of(got), numpy_of(loss(*wide)), rtol=1e-6)


def test_margin_ranking_and_triplet_are_those_of_torch():
    import torch
    import torch.nn.functional as F

    a, b = on("torch", (ABOVE, BELOW))
    theirs = F.margin_ranking_loss(a, b, torch.ones_like(a), margin=0.5)
    torch.testing.assert_close(lb.margin_ranking(a, b, margin=0.5), theirs)
    x = on("torch", VECTORS)
    theirs = F.triplet_margin_loss(*x, margin=0.7, eps=0)
    torch.testing.assert_close(lb.triplet(*x, margin=0.7), theirs)


@pytest.mark.parametrize("backend", BACKENDS)
def test_bpr_is_right_far_out(backend):
    a, b = on(backend, ([-1e4, 1e4, 0.0], [0.0, 0.0, 0.0]), np.float32)
    losses = numpy_of(lb.bpr(a, b, reduction="none"))
    _, slopes = lb.value_and_grad(lb.bpr)(a, b, reduction="sum")
    np.testing.assert_allclose(losses, [1e4, 0, np.log(2)], rtol=1e-6)
    np.testing.assert_allclose(numpy_of(slopes), [-1, 0, -0.5], rtol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_warp_weighs_by_the_harmonic_number_of_the_rank(backend):
    above, below = on(backend, ([0.0], [[0.0, 1.0, 2.0, -5.0]]))
    assert float(lb.warp(above, below)) == pytest.approx((1 + 1 / 2 + 1 / 3) / 3 * 6)
    _, by_above = lb.value_and_grad(lb.warp)(above, below)
    _, by_below = lb.value_and_grad(lb.warp, argnum=1)(above, below)
    np.testing.assert_allclose(numpy_of(by_above), [-11 / 6])
    np.testing.assert_allclose(numpy_of(by_below), [[11 / 18, 11 / 18, 11 / 18, 0]])


@pytest.mark.parametrize("backend", BACKENDS)
def test_warp_with_one_negative_is_margin_ranking(backend):
    a, b, column = on(backend, (ABOVE, BELOW, BELOW[:, None]))
    np.testing.assert_allclose(
        numpy_of(lb.warp(a, column, reduction="none")),
        numpy_of(lb.margin_ranking(a, b, reduction="none")),
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_warp_takes_scores_of_minus_infinity_for_padding(backend):
    a, short, padded = on(
        backend, ([0.3], [[0.1, 2.0]], [[0.1, -np.inf, 2.0, -np.inf]])
    )
    assert float(lb.warp(a, short)) == float(lb.warp(a, padded))
    _, slopes = lb.value_and_grad(lb.warp, argnum=1)(a, padded)
    assert np.isfinite(numpy_of(slopes)).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_warp_of_a_perfect_order_is_0_with_slope_0(backend):
    a, b = on(backend, ([5.0], [[0.0, 1.0]]))
    value, slope = lb.value_and_grad(lb.warp)(a, b)
    assert float(value) == 0
    assert numpy_of(slope) == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_triplet_of_equal_vectors_has_a_finite_slope(backend):
    a, p, n = on(backend, ([[1.0, 2.0]], [[1.0, 2.0]], [[1.0, 2.5]]))
    value, slope = lb.value_and_grad(lb.triplet)(a, p, n)
    assert float(value) == 0.5
    np.testing.assert_allclose(numpy_of(slope), [[0, 1]])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_triplet_keeps_lengths_whose_squares_leave_float32(backend, size):
    a, p, n = on(backend, ([[0.0, 0]], [[3 * size, 4 * size]], [[0.0, 0]]), np.float32)
    value, slope = lb.value_and_grad(lb.triplet, argnum=1)(a, p, n, margin=0)
    np.testing.assert_allclose(float(value), 5 * size, rtol=1e-6)
    np.testing.assert_allclose(numpy_of(slope), [[0.6, 0.8]], rtol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_info_nce_is_the_cross_entropy_of_scaled_cosines(backend):
    q, k = VECTORS[:2]
    cosines = q @ k.T / np.outer(np.linalg.norm(q, axis=1), np.linalg.norm(k, axis=1))
    expected = lb.sparse_cross_entropy(np.arange(6), cosines / 0.2, from_logits=True)
    got = lb.info_nce(*on(backend, (q, k)), temperature=0.2)
    assert float(got) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_info_nce_does_not_see_the_length_of_a_vector(backend):
    q, k = on(backend, VECTORS[:2], np.float32)
    short, long = q * 1e-30, k * 1e30
    np.testing.assert_allclose(
        float(lb.info_nce(short, long)), float(lb.info_nce(q, k)), rtol=1e-5
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_info_nce_of_a_vector_of_zeros_has_a_slope_of_0(backend):
    q, k = on(backend, (np.array([[0.0, 0.0], [1.0, 2.0]]), np.eye(2)))
    value, slope = lb.value_and_grad(lb.info_nce)(q, k, reduction="sum")
    assert np.isfinite(float(value))
    np.testing.assert_array_equal(numpy_of(slope)[0], [0, 0])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_temperature_that_is_learned_has_its_gradient(backend):
    q, k, t = on(backend, (*VECTORS[:2], 0.3))

    def by(t, **how):
        return lb.info_nce(q, k, temperature=t, **how)

    value, slope = lb.value_and_grad(by)(t)
    assert float(value) == pytest.approx(float(by(0.3)), rel=1e-14)
    assert slope.shape == ()
    assert lb.check_gradient(by, t) < 1e-6
    each = [numpy_of(by(t, reduction="none")), numpy_of(by(0.3, reduction="none"))]
    np.testing.assert_allclose(*each, rtol=1e-13)
    for wrong in (array(backend, -0.3), array(backend, [0.1, 0.2])):
        with pytest.raises(ValueError, match="temperature must be"):
            by(wrong)


@pytest.mark.parametrize("backend", BACKENDS)
def test_labels_name_the_key_of_each_query_among_any_number_of_keys(backend):
    labels = np.array([2, 0, 1, 1, 8, 5])
    keys = np.concatenate([VECTORS[1], VECTORS[2]])[:9]
    cosines = VECTORS[0] @ keys.T / np.linalg.norm(keys, axis=1)
    cosines /= np.linalg.norm(VECTORS[0], axis=1)[:, None]
    expected = lb.sparse_cross_entropy(labels, cosines / 0.1, from_logits=True)
    q, k = on(backend, (VECTORS[0], keys))
    got = lb.info_nce(q, k, labels=array(backend, labels))
    assert float(got) == pytest.approx(float(expected), rel=1e-12)
    own = lb.info_nce(q, k[:6], labels=array(backend, np.arange(6)))
    assert float(own) == pytest.approx(float(lb.info_nce(q, k[:6])), rel=1e-14)
    with pytest.raises(ValueError, match="labels must hold labels 0 to 8"):
        lb.info_nce(q, k, labels=array(backend, labels + 1))
    with pytest.raises(TypeError, match="labels must be integers"):
        lb.info_nce(q, k, labels=array(backend, labels * 1.0))
    with pytest.raises(ValueError, match="as many numbers a row"):
        lb.info_nce(q, k[:, :4], labels=array(backend, labels))
    with pytest.raises(ValueError, match="key and query must have the same shape"):
        lb.info_nce(q, k)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_key_that_only_a_query_without_weight_has_is_not_there(backend):
    q, k = VECTORS[:2].copy()
    kept, document = np.arange(6) < 5, np.array([0, 0, 1, 1, 0, 2])
    q[~kept], k[~kept] = np.nan, np.nan
    own = document[:, None] == document

    def padded(q, k):
        weight = array(backend, kept * 1.0)
        return lb.info_nce(q, k, key_mask=array(backend, own), sample_weight=weight)

    def without(q, k):
        return lb.info_nce(q, k, key_mask=array(backend, own[:5, :5]))

    for argnum in (0, 1):
        args = on(backend, (q, k)), on(backend, (q[:5], k[:5]))
        value, found = lb.value_and_grad(padded, argnum)(*args[0])
        wanted, slope = lb.value_and_grad(without, argnum)(*args[1])
        assert float(value) == pytest.approx(float(wanted), rel=1e-13)
        np.testing.assert_allclose(numpy_of(found)[:5], numpy_of(slope), rtol=1e-10)
        assert not numpy_of(found)[5].any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_keys_that_are_padding_are_not_there(backend):
    q, k = VECTORS[:2].copy()
    kept = np.array([True, False, True, True, False, True])
    q[~kept], k[~kept] = np.nan, np.nan
    loss, slope = lb.value_and_grad(lb.info_nce)(*on(backend, (q[kept], k[kept])))

    def padded(q, k, mask=kept, **how):
        weight = array(backend, kept * 1.0)
        there = array(backend, mask)
        return lb.info_nce(q, k, key_mask=there, sample_weight=weight, **how)

    for mask in (kept, np.tile(kept, (6, 1)), kept * 1):
        for argnum in (0, 1):
            value, found = lb.value_and_grad(padded, argnum)(
                *on(backend, (q, k)), mask=mask
            )
            assert float(value) == pytest.approx(float(loss), rel=1e-13)
            assert not numpy_of(found)[~kept].any()
            if argnum == 0:
                np.testing.assert_allclose(numpy_of(found)[kept], slope, rtol=1e-10)
    args = on(backend, VECTORS[:2])
    with pytest.raises(ValueError, match="key_mask must not leave out the key"):
        lb.info_nce(*args, key_mask=array(backend, kept))
    with pytest.raises(ValueError, match=r"key_mask must have.*\(6,\).*got \(5,\)"):
        lb.info_nce(*args, key_mask=array(backend, kept[:5]))
    with pytest.raises(ValueError, match="key_mask must hold 0 and 1 alone"):
        lb.info_nce(*args, key_mask=array(backend, kept * 2))


def test_graphs_take_a_learned_temperature_labels_and_padding():
    import tensorflow as tf
    import torch

    kept, labels = np.arange(6) != 3, np.array([0, 1, 2, 2, 4, 5])
    q, k = VECTORS[:2]

    def loss(q, k, t, labels, kept):
        return lb.info_nce(q, k, temperature=t, labels=labels, key_mask=kept)

    value, slope = lb.value_and_grad(loss, 2)(q, k, np.array(0.3), labels, kept)
    args = [torch.tensor(x) for x in (q, k, 0.3, labels, kept)]
    args[2] = args[2].double()
    torch.testing.assert_close(torch.func.grad(loss, 2)(*args), torch.tensor(slope)[()])
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(*args), torch.tensor(value)[()])
    tensors = [tf.constant(x) for x in (q, k, np.array(0.3), labels, kept)]
    for jit in (False, True):
        graph = tf.function(lb.value_and_grad(loss, 2), jit_compile=jit)
        for a, b in zip(graph(*tensors), (value, slope), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    lost = tf.constant(np.arange(6) != 2)
    assert np.isnan(tf.function(loss, jit_compile=True)(*tensors[:4], lost))


def test_transforms_of_torch_reach_through():
    import torch

    for loss, args in CALLS:
        args = on("torch", args)
        _, expected = lb.value_and_grad(loss)(*args)
        found = torch.func.grad(loss)(*args)
        torch.testing.assert_close(found, expected)
        stacked = [torch.stack([x, 2 * x]) for x in args]
        two = torch.func.vmap(loss)(*stacked)
        torch.testing.assert_close(two[0], loss(*args))
        compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(*args), loss(*args))


@pytest.mark.parametrize("xla", [False, True])
def test_graphs_of_tensorflow_give_the_same(xla):
    import tensorflow as tf

    for loss, args in CALLS:
        args = on("tensorflow", args)
        value, expected = lb.value_and_grad(loss)(*args)
        graph = tf.function(lb.value_and_grad(loss), autograph=False, jit_compile=xla)
        for got, want in zip(graph(*args), (value, expected), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-12)


def test_a_graph_of_tensorflow_takes_batches_of_any_size():
    import tensorflow as tf

    for loss, args in CALLS:
        unknown = [tf.TensorSpec((None,) * np.ndim(x), tf.float64) for x in args]
        graph = tf.function(loss, input_signature=unknown, autograph=False)
        args = on("tensorflow", args)
        np.testing.assert_allclose(graph(*args), loss(*args), rtol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_shapes_that_do_not_fit_are_refused(backend):
    n, column, square = on(backend, (np.ones(3), np.ones((3, 1)), np.ones((3, 3))))
    for loss in (lb.margin_ranking, lb.bpr):
        with pytest.raises(
            ValueError, match=r"got negative \(3, 1\) and positive \(3,\)"
        ):
            loss(n, column)
    with pytest.raises(ValueError, match=r"negatives\[\.\.\., None\]"):
        lb.warp(n, n)
    with pytest.raises(ValueError, match="same shape"):
        lb.warp(n[:2], square)
    with pytest.raises(ValueError, match="one negative at least"):
        lb.warp(n, square[:, :0])
    with pytest.raises(ValueError, match="must have the same shape"):
        lb.triplet(square, square, column)
    with pytest.raises(ValueError, match="single number"):
        lb.triplet(n[0], n[0], n[0])
    with pytest.raises(ValueError, match=r"shape \(n, d\), got \(3,\)"):
        lb.info_nce(n, n)


@pytest.mark.parametrize("loss", [lb.margin_ranking, lb.warp, lb.triplet])
def test_a_negative_margin_is_refused(loss):
    args = dict(zip([c[0] for c in CALLS], [c[1] for c in CALLS], strict=True))[loss]
    with pytest.raises(ValueError, match="margin"):
        loss(*args, margin=-1.0)


def test_a_temperature_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="temperature"):
        lb.info_nce(*VECTORS[:2], temperature=0.0)
