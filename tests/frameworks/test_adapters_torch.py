"""The classes that share a name with PyTorch's behave as PyTorch's."""

import copy
import itertools
import pickle
from inspect import signature

import numpy as np
import pytest
import torch

import lossbook as lb
from lossbook.adapters import torch as for_torch
from lossbook.adapters import torch_others

OTHERS = set(torch_others.CLASSES)  # see test_adapters_others.py
SHARED = [n for n in dir(for_torch) if hasattr(torch.nn, n) and n not in OTHERS]
REDUCTIONS = ("mean", "sum", "none")
OLD = ("size_average", "reduce")  # which PyTorch has replaced by `reduction`

torch.manual_seed(3)
LOGITS = torch.randn(2, 3, 4, 5, dtype=torch.float64)
LABELS = torch.randint(0, 3, (2, 4, 5))
SOME_IGNORED = torch.where(torch.rand(2, 4, 5) < 0.3, -100, LABELS)
SHARES = torch.randn_like(LOGITS).softmax(1)
WEIGHT = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
REAL = torch.randn(4, 3, dtype=torch.float64)
COUNTS = torch.randint(0, 9, (4, 3)).double()

CROSS_ENTROPY = [
    {"weight": weight, "label_smoothing": smoothing}
    for weight in (None, WEIGHT)
    for smoothing in (0.0, 0.1)
]
POISSON = [
    {"log_input": log_input, "full": full, "eps": eps}
    for log_input in (True, False)
    for full in (False, True)
    for eps in (1e-8, 0.1)
]
# Options and inputs (input first) that PyTorch's class of the name takes.
VALID = {
    "CrossEntropyLoss": [
        (options, LOGITS, target)
        for options in CROSS_ENTROPY
        for target in (LABELS, SOME_IGNORED, SHARES)
    ]
    + [({"ignore_index": 1}, LOGITS, LABELS), ({}, LOGITS[0, :, 0, 0], LABELS[0, 0, 0])]
    + [({}, LOGITS[0, :, 0, 0], SHARES[0, :, 0, 0])],
    "HuberLoss": [({}, REAL, COUNTS), ({"delta": 0.3}, REAL, COUNTS)],
    "MSELoss": [({}, REAL, COUNTS)],
    "PoissonNLLLoss": [
        (options, REAL if options["log_input"] else REAL.exp(), COUNTS)
        for options in POISSON
    ],
}


def value_and_gradient(loss, input, target):
    input = input.clone().requires_grad_()
    value = loss(input, target)
    (gradient,) = torch.autograd.grad(value.sum(), input)
    return value.detach(), gradient


def test_all_names_shared_with_torch_are_compared():
    assert set(SHARED) == set(VALID)


@pytest.mark.parametrize("name", SHARED)
def test_a_class_has_the_parameters_and_defaults_of_torch_s(name):
    ours, theirs = getattr(for_torch, name), getattr(torch.nn, name)
    taken = signature(ours).parameters
    for option, parameter in signature(theirs).parameters.items():
        if option not in OLD:
            assert taken[option].default == parameter.default, option
            assert getattr(ours(), option) == getattr(theirs(), option), option


@pytest.mark.parametrize("name", SHARED)
def test_a_class_gives_torch_s_values_and_gradients(name):
    ours, theirs = getattr(for_torch, name), getattr(torch.nn, name)
    for (options, input, target), reduction in itertools.product(
        VALID[name], REDUCTIONS
    ):
        options = {**options, "reduction": reduction}
        pair = value_and_gradient(ours(**options), input, target)
        expected = value_and_gradient(theirs(**options), input, target)
        torch.testing.assert_close(pair, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", SHARED)
def test_a_class_can_be_copied_pickled_and_called_by_name(name):
    options, input, target = VALID[name][-1]
    module = getattr(for_torch, name)(**options)
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert repr(twin) == repr(module)
        torch.testing.assert_close(
            twin(input=input, target=target), module(input, target)
        )
    assert signature(module) == signature(getattr(torch.nn, name)())


def test_class_weights_are_taken_by_torch_s_name_and_by_lossbook_s():
    by_torch = for_torch.CrossEntropyLoss(weight=WEIGHT)
    by_lossbook = for_torch.CrossEntropyLoss(class_weight=WEIGHT)
    assert repr(by_torch) == repr(by_lossbook)
    assert by_torch.weight is by_torch.class_weight
    assert [name for name, _ in by_torch.named_buffers()] == ["class_weight"]
    assert by_torch.to("meta").weight.device.type == "meta"
    assert by_lossbook(LOGITS, LABELS) == for_torch.CrossEntropyLoss(
        weight=WEIGHT.tolist()
    )(LOGITS, LABELS)
    with pytest.raises(TypeError, match="Pass class_weight alone"):
        for_torch.CrossEntropyLoss(weight=WEIGHT, class_weight=WEIGHT)


def test_sample_weights_select_in_the_mean_of_distributions_with_class_weights():
    module = for_torch.CrossEntropyLoss(weight=WEIGHT)
    one = torch.tensor([1.0, 0.0])
    for weight in (one, 2 * one, one.tolist(), one[:, None, None].expand(2, 4, 5)):
        got = module(LOGITS, SHARES, sample_weight=weight)
        torch.testing.assert_close(got, module(LOGITS[:1], SHARES[:1]))
    assert module(LOGITS, SHARES, sample_weight=0 * one) == 0


def test_cross_entropy_that_counts_nothing_is_zero_where_torch_s_is_not_a_number():
    logits = LOGITS.clone().requires_grad_()
    loss = for_torch.CrossEntropyLoss()(logits, torch.full_like(LABELS, -100))
    loss.backward()
    assert loss == 0
    assert not logits.grad.any()


def test_the_options_of_lossbook_s_function_are_still_there():
    p = LOGITS.softmax(1)
    module = for_torch.CrossEntropyLoss(from_logits=False, axis=-1)
    last = p.movedim(1, -1)
    torch.testing.assert_close(
        module(last, LABELS), lb.sparse_cross_entropy(LABELS, last)
    )
    one_hot = torch.nn.functional.one_hot(LABELS, 3)  # integers are distributions too
    torch.testing.assert_close(
        module(last, one_hot), lb.sparse_cross_entropy(LABELS, last)
    )


def test_lists_and_numpy_arrays_are_targets_of_torch_s_names_too():
    assert for_torch.CrossEntropyLoss()(LOGITS[:, :, 0, 0], [0, 2]) > 0
    loss = for_torch.PoissonNLLLoss(full=True, log_input=False)
    rates, counts = REAL.exp(), COUNTS
    assert loss(rates, counts.tolist()) == loss(rates, counts)
    assert loss(rates.numpy(), counts.numpy()) == loss(rates, counts)


WRONG = [
    ("PoissonNLLLoss", {"full": 1}, "full must be True or False"),
    ("PoissonNLLLoss", {"eps": -1e-8}, "eps must be a number"),
    ("CrossEntropyLoss", {"ignore_index": 0.5}, "ignore_index"),
    ("CrossEntropyLoss", {"weight": [1.0, -1.0]}, "class_weight"),
    ("CrossEntropyLoss", {"size_average": True}, "size_average"),
]


@pytest.mark.parametrize(("name", "options", "words"), WRONG)
def test_wrong_parameters_of_torch_s_names_are_refused(name, options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        getattr(for_torch, name)(**options)


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "PoissonNLLLoss"])
def test_torch_s_names_compile_in_one_graph(name):
    for options, input, target in VALID[name][:2]:
        loss = getattr(for_torch, name)(**options)
        compiled = torch.compile(loss, fullgraph=True, backend="eager")
        torch.testing.assert_close(compiled(input, target), loss(input, target))


def test_a_weight_leaves_a_sample_out_of_the_full_loss_of_counts():
    loss = for_torch.PoissonNLLLoss(full=True)
    rates, counts = torch.tensor([0.1, torch.nan]), torch.tensor([2.0, 3.0])
    got = loss(rates, counts, torch.tensor([1.0, 0.0]))
    torch.testing.assert_close(got, loss(rates[:1], counts[:1]))


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("CrossEntropyLoss", "class_weight"), ("BinaryCrossEntropyLoss", "pos_weight"),
        ("SparseFocalLoss", "alpha"),
    ],
)  # fmt: skip
def test_weights_given_as_whole_numbers_keep_the_fractions_of_a_checkpoint(
    name, parameter
):
    made = getattr(for_torch, name)
    good = made(**{parameter: [0.5, 2.0, 1.5]})
    for ones in ([1, 1, 1], np.ones(3, int), torch.ones(3, dtype=torch.int64)):
        module = made(**{parameter: ones})
        module.load_state_dict(good.state_dict())
        assert getattr(module, parameter).tolist() == [0.5, 2.0, 1.5]


def test_a_module_shares_no_memory_with_an_array():
    weights = np.array([3.0, 2.0, 1.0])[::-1]
    module = for_torch.CrossEntropyLoss(class_weight=weights)
    module.class_weight.zero_()
    assert weights.tolist() == [1.0, 2.0, 3.0]
    series = pytest.importorskip("pandas").Series([1.0, 2.0])
    assert list(for_torch.CrossEntropyLoss(class_weight=series).state_dict())


def test_an_array_without_axes_is_a_number():
    x, y = torch.zeros(2), torch.ones(2)
    for delta in (np.array(0.5), torch.tensor(0.5), np.float32(0.5)):
        assert for_torch.HuberLoss(delta=delta)(x, y) == 0.375
    with pytest.raises(ValueError, match="delta"):
        for_torch.HuberLoss(delta=torch.tensor(-1.0))


def test_modules_are_shown_on_the_meta_device():
    with torch.device("meta"):
        made = [
            for_torch.CrossEntropyLoss(class_weight=[1.0, 2.0]),
            for_torch.InfoNCELoss(learned=True),
            for_torch.LinearCrossEntropyLoss(4, 2, class_weight=[1, 2], device="meta"),
        ]
    assert "device='meta', size=(2,)" in repr(made[0])
    assert "temperature=nan" in repr(made[1])
    assert made[2].class_weight.is_meta
