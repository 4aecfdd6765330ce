"""The exercises of the book: each knows its right answer and its classic mistakes."""

import numpy as np
import pytest

import lossbook as lb
from lossbook._book.exercises import EXERCISES

WRONG = [
    pytest.param(name, answer, diagnosis, id=f"{name}-{i}")
    for name, exercise in EXERCISES.items()
    for i, (answer, diagnosis) in enumerate(exercise.wrong)
]
ALSO = [
    pytest.param(name, answer, id=f"{name}-{i}")
    for name, exercise in EXERCISES.items()
    for i, answer in enumerate(exercise.also)
]
every_exercise = pytest.mark.parametrize("name", EXERCISES)


@every_exercise
def test_the_right_answer_is_right(name, capsys):
    assert lb.check(name, EXERCISES[name].right)
    assert capsys.readouterr().out == "Right.\n"


@pytest.mark.parametrize(("name", "answer"), ALSO)
def test_another_right_answer_is_right_too(name, answer, capsys):
    assert lb.check(name, answer)
    assert capsys.readouterr().out == "Right.\n"


@pytest.mark.parametrize(("name", "answer", "diagnosis"), WRONG)
def test_a_known_mistake_gets_its_own_diagnosis(name, answer, diagnosis, capsys):
    assert not lb.check(name, answer)
    assert capsys.readouterr().out == f"Not yet: {diagnosis}\n"


@every_exercise
def test_another_answer_gets_the_hint(name, capsys):
    right = EXERCISES[name].right
    other = (lambda *inputs: np.float64(-987.5)) if callable(right) else -987.5
    assert not lb.check(name, other)
    assert capsys.readouterr().out == f"Not yet: {EXERCISES[name].hint}\n"


@every_exercise
def test_an_answer_of_the_wrong_kind_is_told_so(name, capsys):
    if callable(EXERCISES[name].right):
        assert not lb.check(name, 1.0)
        assert "a function is asked for" in capsys.readouterr().out
    else:
        assert not lb.check(name, abs)
        assert "a value is asked for" in capsys.readouterr().out


@every_exercise
def test_what_it_says_is_a_sentence(name):
    exercise = EXERCISES[name]
    for text in (exercise.hint, *(diagnosis for _, diagnosis in exercise.wrong)):
        assert text.endswith((".", "?")), text


@every_exercise
def test_no_answer_yet_is_not_wrong_but_missing(name, capsys):
    assert not lb.check(name, None)
    assert capsys.readouterr().out.startswith("No answer yet")


def test_an_unknown_exercise_lists_the_known_ones():
    with pytest.raises(KeyError, match="mse-by-hand"):
        lb.check("no-such-exercise", 1.0)


def test_an_answer_may_come_from_any_framework(capsys):
    import tensorflow as tf
    import torch

    right = EXERCISES["mse-by-hand"].right
    for make in (torch.tensor, tf.constant, np.float32, lambda x: [x][0]):
        assert lb.check("mse-by-hand", make(right))
    assert lb.check("mse-by-hand", torch.tensor(right, requires_grad=True))


def test_a_function_that_stops_is_told_why(capsys):
    def broken(*inputs):
        raise ZeroDivisionError("division by zero")

    assert not lb.check("mse-gradient", broken)
    assert "your function stopped with ZeroDivisionError" in capsys.readouterr().out
    assert not lb.check("mse-by-hand", "one")
    assert "Not yet" in capsys.readouterr().out
