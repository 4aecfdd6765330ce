"""Numbers of any kind, in parameters and in arrays: it counts what they are.

A numpy.uint8 of 1 turns round at minus 1, a numpy.float64 turns all into float64,
and the difference of the two ends of 64 bits is 1 if nobody looks.
"""

from fractions import Fraction

import numpy as np
import pytest
import torch

import lossbook as lb

from ..backends import BACKENDS, array, numpy_of

every_backend = pytest.mark.parametrize("backend", BACKENDS)
Y, PRED = np.float32([0, 1, 1, 0]), np.float32([0.3, 0.9, 0.5, 0.2])
WIDE = np.float32([0.3, 2.0, 0.5, 2.2])
OF_ONE = [np.uint8(1), np.int64(1), np.float64(1), Fraction(1), np.longdouble(1)]
OF_HALF = [np.float32(0.5), np.float64(0.5), Fraction(1, 2), np.longdouble(0.5)]
TAKING = {
    "huber(delta=1)": (lb.huber, WIDE, "delta", 1.0, OF_ONE),
    "huber(delta=½)": (lb.huber, WIDE, "delta", 0.5, OF_HALF),
    "quantile(q=1)": (lb.quantile, WIDE, "q", 1.0, OF_ONE),
    "quantile(q=½)": (lb.quantile, WIDE, "q", 0.5, OF_HALF),
    "focal(gamma=½)": (lb.focal, PRED, "gamma", 0.5, OF_HALF),
    "focal(alpha=½)": (lb.focal, PRED, "alpha", 0.5, OF_HALF),
    "binary(smoothing=½)": (
        lb.binary_cross_entropy, PRED, "label_smoothing", 0.5, OF_HALF,
    ),
}  # fmt: skip


@every_backend
@pytest.mark.parametrize("name", TAKING)
def test_a_number_of_another_kind_is_the_same_parameter(backend, name):
    loss, predictions, parameter, plain, others = TAKING[name]
    y, p = array(backend, Y), array(backend, predictions)

    def found(number):  # TensorFlow and JAX keep a program for each value
        pair = lb.value_and_grad(loss)(y, p, **{parameter: number})
        return [numpy_of(x) for x in pair]

    programs = [found(number) for number in (others[0], plain, *others[1:])]
    for value, gradient in programs:
        np.testing.assert_array_equal(value, programs[1][0])
        np.testing.assert_array_equal(gradient, programs[1][1])
        assert value.dtype == gradient.dtype == np.float32


@pytest.mark.parametrize("margin", [np.uint8(1), np.float64(1), Fraction(1)])
def test_margins_and_smoothing_of_another_kind_too(margin):
    s, n = np.float32([0.5, 2.0]), np.float32([0.25, 0.125])
    for loss in (lb.margin_ranking, lb.bpr):
        options = {"margin": margin} if loss is lb.margin_ranking else {}
        assert loss(s, n, **options) == loss(s, n)
    masks = np.eye(2), np.full((2, 2), 0.5)
    for loss in (lb.dice, lb.jaccard, lb.tversky):
        assert loss(*masks, smooth=margin) == loss(*masks, smooth=1.0)


@every_backend
def test_the_distance_of_integers_may_need_more_than_64_bits(backend):
    bits = 32 if backend == "jax" else 64
    top, bottom = 2 ** (bits - 1) - 1, -(2 ** (bits - 1))
    ends = [array(backend, np.array([x], f"int{bits}")) for x in (top, bottom)]
    assert float(lb.mae(*ends)) == pytest.approx(2.0**bits)
    assert float(lb.zero_one(*ends)) == 1
    near = [array(backend, np.array([x])) for x in (2**24, 2**24 + 1)]
    assert float(lb.mae(*near)) == float(lb.mse(*near)) == 1


def test_the_distance_of_unsigned_integers_has_no_sign_to_lose():
    for top in (2**64 - 1, 3):
        pair = np.array([0], np.uint64), np.array([top], np.uint64)
        assert lb.mae(*pair) == lb.mae(*pair[::-1]) == pytest.approx(top)


def test_a_program_of_torch_may_leave_the_number_of_classes_open():
    class Loss(torch.nn.Module):
        def forward(self, labels, logits):
            return lb.sparse_cross_entropy(labels, logits, from_logits=True)

    rows, classes = (torch.export.Dim(name, min=2, max=99) for name in ("n", "c"))
    rng = torch.Generator().manual_seed(0)
    few = torch.tensor([0, 1, 2, 1]), torch.randn(4, 3, generator=rng)
    shapes = {0: rows}, {0: rows, 1: classes}
    program = torch.export.export(Loss(), few, dynamic_shapes=shapes, strict=False)
    more = torch.tensor([0, 4]), torch.randn(2, 5, generator=rng)
    torch.testing.assert_close(program.module()(*more), Loss()(*more))


def test_arrays_that_have_shapes_and_no_numbers_give_a_loss_of_that_kind():
    rows = torch.zeros(4, 3, device="meta", requires_grad=True)
    labels = torch.zeros(4, dtype=torch.long, device="meta")
    weight = torch.zeros(5, 3, device="meta")
    for loss in (
        lb.info_nce(rows, rows),
        lb.linear_cross_entropy(rows, weight, labels),
    ):
        assert loss.is_meta and loss.shape == ()


def test_a_number_that_came_as_an_array_is_told_how_to_be_one():
    delta = np.array(2.0)
    with pytest.raises(ValueError, match=r"Pass float\(delta\)") as caught:
        lb.huber(Y, WIDE, delta=delta)
    remedy = str(caught.value).partition("Pass ")[2].partition(",")[0]
    assert lb.huber(Y, WIDE, delta=eval(remedy)) == lb.huber(Y, WIDE, delta=2.0)


def test_a_label_beyond_63_bits_is_not_the_one_to_ignore():
    labels = np.array([2**64 - 100, 0], np.uint64)
    with pytest.raises(ValueError, match="labels 0 to 2 for 3 classes"):
        lb.sparse_cross_entropy(
            labels, np.zeros((2, 3)), from_logits=True, ignore_index=-100
        )


@pytest.mark.parametrize("one", [np.uint8(1), Fraction(1)])
def test_the_terms_of_a_large_vocabulary_are_such_numbers_too(one):
    rng = np.random.default_rng(0)
    h, w, labels = rng.normal(size=(4, 3)), rng.normal(size=(5, 3)), np.arange(4)
    for term in ("softcap", "z_loss"):
        plain = lb.linear_cross_entropy(h, w, labels, **{term: 1.0})
        assert lb.linear_cross_entropy(h, w, labels, **{term: one}) == plain
