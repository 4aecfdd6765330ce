"""The table of conventions: what it reads from the libraries that are installed."""

import subprocess
import sys

import numpy as np
import pytest

import lossbook as lb
from lossbook import conventions

LIBRARIES = ("lossbook", "PyTorch", "Keras", "scikit-learn", "Optax")


@pytest.fixture(scope="module")
def table():
    return lb.conventions.table()


def test_every_library_has_a_column_with_its_version(table):
    import keras
    import torch

    assert tuple(table.versions) == LIBRARIES
    assert table.versions["PyTorch"] == torch.__version__
    assert table.versions["Keras"] == keras.__version__


def test_every_loss_is_there_in_lossbook_and_in_another_library(table):
    for row in table:
        assert row.entries["lossbook"] is not None
        others = [row.entries[name] for name in LIBRARIES[1:4]]
        assert any(others), row.loss


def test_argument_order_is_read_from_the_signature(table):
    entries = table["huber"].entries
    assert entries["lossbook"].arguments == ("y_true", "y_pred")
    assert entries["PyTorch"].arguments == ("input", "target")
    assert entries["Keras"].arguments == ("y_true", "y_pred")
    assert entries["PyTorch"].defaults == {"delta": 1.0}
    assert entries["scikit-learn"] is None


def test_reduction_and_factor_are_measured(table):
    entries = table["kl_divergence"].entries
    assert entries["PyTorch"].reduction == "mean"
    assert entries["PyTorch"].factor == pytest.approx(1 / 3)  # over the classes, too
    for row in table:
        ours = row.entries["lossbook"]
        assert ours.factor == pytest.approx(1)
        penalty = ours.arguments == ("params",)
        assert ours.reduction == ("sum" if penalty else "mean")


def test_losses_of_three_arrays_of_scores_and_of_parameters_are_measured(table):
    for loss, arguments, other in (
        ("gaussian_nll", ("y_true", "mean"), ("input", "target")),
        ("triplet", ("anchor", "positive"), ("anchor", "positive")),
        ("margin_ranking of margin 0", ("positive", "negative"), ("input1", "input2")),
    ):
        entries = table[loss].entries
        assert entries["lossbook"].arguments == arguments
        assert entries["PyTorch"].arguments == other
        assert entries["PyTorch"].factor == pytest.approx(1, rel=1e-5)
    pairs = table["margin_ranking of margin 0"].entries["PyTorch"]
    assert pairs.defaults == {"margin": 0, "target": 1.0}
    assert table["elastic_net"].entries["lossbook"].defaults == {"l1_ratio": 0.5}
    assert table["l1"].entries["Keras"].arguments == ("x",)
    assert table["l2"].entries["Keras"].defaults["l2"] == pytest.approx(0.01)
    assert table["l2"].entries["Keras"].factor == pytest.approx(0.01)
    assert table["elastic_net"].entries["Keras"].factor == pytest.approx(1)


def test_optax_reduces_nothing_and_takes_predictions_first(table):
    pytest.importorskip("optax")
    entry = table["kl_divergence"].entries["Optax"]
    assert entry.arguments == ("log_predictions", "targets")
    assert entry.reduction == "none"
    assert entry.factor == pytest.approx(1)


def test_clipping_is_measured(table):
    entries = table["binary_cross_entropy"].entries
    assert entries["lossbook"].at_zero == np.inf
    assert entries["lossbook"].eps is None
    assert entries["PyTorch"].at_zero == 100
    assert entries["Keras"].eps == pytest.approx(1e-7, rel=1e-3)
    assert table["mse"].entries["Keras"].at_zero is None


def test_where_definitions_part_is_measured(table):
    entries = table["multiclass_hinge"].entries
    assert entries["Keras"].factor == pytest.approx(1)  # the same, until scores fall
    assert entries["Keras"].parting == "at scores below 0: 3 (lossbook 1.5)"
    assert entries["lossbook"].parting == entries["scikit-learn"].parting == ""
    assert entries["PyTorch"].parting and "times" not in str(entries["PyTorch"])
    logits = table["binary_cross_entropy of logits"].entries
    assert "logit of −20: 0 (lossbook 2.06e-09)" in str(logits["PyTorch"])


def test_a_sum_would_be_told_from_a_mean():
    values = np.array([1.0, 3.0])
    assert conventions._reduction(lambda y, p: np.sum(y * p), values, values) == "sum"
    assert conventions._reduction(lambda y, p: np.mean(y * p), values, values) == "mean"
    assert conventions._reduction(lambda y, p: y * p, values, values) == "none"


def test_it_renders_as_a_table_of_markdown(table):
    lines = table._repr_markdown_().splitlines()
    assert len(lines) == len(table) + 2
    assert len({line.count(" | ") for line in lines}) == 1
    assert lines[0].startswith("| loss | lossbook ")
    assert "`huber_loss(input, target, delta=1.0)`; mean" in lines[5]
    assert str(table) == table._repr_markdown_()


def test_an_unknown_loss_is_an_error_that_lists_them(table):
    assert "huber" in table
    assert table["huber"] in table
    assert "mape" not in table
    with pytest.raises(KeyError, match=r"no loss 'mape'; there are \['mse'"):
        table["mape"]


def test_a_missing_library_gives_dashes(monkeypatch):
    monkeypatch.setitem(conventions._MODULES, "Optax", "no_such_library.losses")
    table = conventions.table.__wrapped__()
    assert table.versions["Optax"] is None
    assert all(row.entries["Optax"] is None for row in table)
    assert table._repr_markdown_().splitlines()[2].endswith("| – |")


def test_nothing_is_imported_before_the_table_is_asked_for():
    code = (
        "import sys, lossbook; lossbook.conventions; "
        "assert not {'torch', 'keras', 'sklearn', 'jax'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
