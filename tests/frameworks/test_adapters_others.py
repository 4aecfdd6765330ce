"""Classes of PyTorch that take other arrays than a prediction and its truth."""

import copy
import pickle

import pytest
import torch

import lossbook as lb
from lossbook.adapters import torch as for_torch
from lossbook.adapters import torch_others

torch.manual_seed(0)
A, B, C = torch.randn(3, 6, 5, dtype=torch.float64)
SCORES = A[:, 0], B[:, 0], torch.tensor([1.0, -1, 1, 1, -1, -1]).double()
LABELS = torch.tensor([0, 3, 2, 2, 1, 3])
WEIGHT = torch.tensor([1.0, 0, 2, 0.5, 3, 1]).double()
CALLS = {  # a class, its options, the arrays of a call, and what they are to give
    "GaussianNLLLoss": ({}, (A, B, C.exp()), lambda a, b, c: lb.gaussian_nll(b, a, c)),
    "MarginRankingLoss": (
        {"margin": 0.5}, SCORES,
        lambda a, b, t: lb.margin_ranking(t * a, t * b, margin=0.5),
    ),
    "TripletLoss": ({"margin": 0.3}, (A, B, C), lambda *x: lb.triplet(*x, margin=0.3)),
    "InfoNCELoss": (
        {"temperature": 0.2}, (A, B), lambda *x: lb.info_nce(*x, temperature=0.2)
    ),
}  # fmt: skip


def layer(**options):
    loss = for_torch.LinearCrossEntropyLoss(5, 4, dtype=torch.float64, **options)
    return loss, (A, LABELS)


@pytest.mark.parametrize("name", CALLS)
def test_a_module_gives_what_its_function_gives(name):
    options, arrays, function = CALLS[name]
    module = getattr(for_torch, name)(**options)
    torch.testing.assert_close(module(*arrays), function(*arrays))
    weighted = module(*arrays, sample_weight=WEIGHT) if arrays[0].dim() == 1 else None
    if weighted is not None:
        each = getattr(for_torch, name)(reduction="none", **options)(*arrays)
        torch.testing.assert_close(weighted, (WEIGHT * each).sum() / WEIGHT.sum())
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert repr(twin) == repr(module)
        torch.testing.assert_close(twin(*arrays), module(*arrays))


def both(name, *arrays, theirs=None, **options):
    """Hold value and gradients by all arrays of numbers against those of PyTorch."""
    found = []
    for module in (for_torch, torch.nn):
        made = getattr(module, theirs if theirs and module is torch.nn else name)
        inputs = [x.clone().requires_grad_(x.is_floating_point()) for x in arrays]
        value = made(**options)(*inputs)
        grads = [x for x in inputs if x.is_floating_point()]
        slopes = torch.autograd.grad(value.sum(), grads, allow_unused=True)
        found.append([value, *(s for s in slopes if s is not None)])
    for ours, torchs in zip(*found, strict=False):
        torch.testing.assert_close(ours, torchs)


def test_a_class_with_a_name_of_torch_gives_its_values():
    variance = C.exp()
    variance[0, 0] = 1e-9  # below eps
    for options in ({}, {"full": True}, {"eps": 0.5}, {"reduction": "none"}):
        both("GaussianNLLLoss", A, B, variance, **options)
    for options in ({}, {"margin": 0.5}, {"reduction": "sum"}):
        both("MarginRankingLoss", *SCORES[:2], SCORES[2].long(), **options)


def test_the_layer_of_a_linear_cross_entropy_is_its_own_and_can_be_shared():
    loss, arrays = layer(bias=True, softcap=3.0, class_weight=[1.0, 2.0, 1.0, 0.5])
    expected = lb.linear_cross_entropy(
        A, loss.weight, LABELS, loss.bias, softcap=3.0, class_weight=loss.class_weight
    )
    torch.testing.assert_close(loss(*arrays), expected)
    assert set(dict(loss.named_parameters())) == {"weight", "bias"}
    assert set(loss.state_dict()) == {"weight", "bias", "class_weight"}
    loss(*arrays).backward()
    assert loss.weight.grad.any()
    embedding = torch.nn.Embedding(4, 5, dtype=torch.float64)
    loss.weight = embedding.weight
    loss.zero_grad()
    loss(*arrays).backward()
    assert embedding.weight.grad.any()


@pytest.mark.skipif(
    not hasattr(torch.nn, "LinearCrossEntropyLoss"), reason="it came with torch 2.13"
)
def test_a_linear_cross_entropy_is_that_of_torch():
    ours, arrays = layer(label_smoothing=0.1)
    theirs = torch.nn.LinearCrossEntropyLoss(
        5, 4, label_smoothing=0.1, dtype=torch.float64
    )
    theirs.linear.weight = ours.weight
    torch.testing.assert_close(ours(*arrays), theirs(*arrays))


def test_a_temperature_is_learned_by_its_logarithm():
    loss = for_torch.InfoNCELoss(temperature=0.5, learned=True)
    before = loss(A, B)
    torch.testing.assert_close(
        before, lb.info_nce(A, B, temperature=0.5), rtol=1e-6, atol=0
    )
    optimizer = torch.optim.SGD(loss.parameters(), lr=0.5)
    for _ in range(20):
        optimizer.zero_grad()
        loss(A, B).backward()
        optimizer.step()
    assert loss(A, B) < before
    assert loss.temperature != 0.5
    assert "learned=True" in repr(loss)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("GaussianNLLLoss", {"eps": -1.0}), ("GaussianNLLLoss", {"full": 1}),
        ("MarginRankingLoss", {"margin": -1.0}), ("TripletLoss", {"margin": "1"}),
        ("InfoNCELoss", {"temperature": 0.0}), ("InfoNCELoss", {"learned": None}),
        ("TripletLoss", {"reduction": "avg"}),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_refused_when_the_module_is_made(name, options):
    with pytest.raises((ValueError, TypeError), match=next(iter(options))):
        getattr(for_torch, name)(**options)


def test_wrong_parameters_and_targets_are_refused():
    for name, wrong in {"softcap": 0, "z_loss": -1.0, "class_weight": [1.0]}.items():
        with pytest.raises(ValueError, match=name):
            layer(**{name: wrong})
    with pytest.raises(ValueError, match=r"target must hold -1 and 1.*2 \* target - 1"):
        for_torch.MarginRankingLoss()(*SCORES[:2], (SCORES[2] + 1) / 2)
    with pytest.raises(ValueError, match="target must be a single number or have"):
        for_torch.MarginRankingLoss()(*SCORES[:2], SCORES[2][:2])
    with pytest.raises(ValueError, match="variance must be positive"):
        for_torch.GaussianNLLLoss()(A, B, -C.exp())


def test_every_class_says_what_it_takes():
    for made in torch_others.CLASSES.values():
        assert made.__doc__.count("\n    ----------") == 1
        assert "reduction :" in made.__doc__
