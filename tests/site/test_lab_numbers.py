"""The lab computes in the browser what lossbook computes: values, slopes, steps."""

import numpy as np
import pytest

import lossbook as lb

from .conftest import Visit, open_page

pytestmark = pytest.mark.site

ERRORS = [-40.0, -3.0, -1.0, -0.25, -1e-4, 0.0, 1e-7, 0.5, 1.0, 1.75, 2.0, 6.0, 25.0]
SETTINGS = {
    "mse": [{}],
    "mae": [{}],
    "huber": [{"delta": 0.3}, {"delta": 1.0}, {"delta": 4.0}],
    "quantile": [{"q": 0.05}, {"q": 0.5}, {"q": 0.9}],
    "log_cosh": [{}],
    "adaptive_robust": [
        {"alpha": alpha, "scale": scale}
        for alpha in (-6.0, -2.0, -0.25, 0.0, 0.25, 1.0, 1.75, 2.0)
        for scale in (0.2, 1.0, 3.0)
    ],
}


@pytest.fixture(scope="module")
def lab(offline, html):
    """Return a page that does nothing but compute."""
    page = open_page(offline, html / "book" / "lab.html", Visit("lab"))
    yield page
    page.close()


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_loss_of_an_error_and_its_derivative_are_those_of_lossbook(lab, name):
    for settings in SETTINGS[name]:
        value, slope = lab.evaluate(
            """([name, errors, settings]) => ["value", "slope"].map((kind) =>
              errors.map((e) => lab.regression[name][kind](e, settings)))""",
            [name, ERRORS, settings],
        )

        def loss(y_pred, settings=settings):
            zeros = np.zeros(len(ERRORS))
            return getattr(lb, name)(zeros, y_pred, reduction="sum", **settings)

        separate = getattr(lb, name)(
            np.zeros(len(ERRORS)), np.array(ERRORS), reduction="none", **settings
        )
        close(value, separate)
        close(slope, lb.value_and_grad(loss)(np.array(ERRORS))[1])


@pytest.mark.parametrize("name", SETTINGS)
def test_no_line_has_a_lower_loss_than_the_one_that_is_drawn(lab, name):
    for settings in SETTINGS[name]:
        (slope, height), points = lab.evaluate(
            """([loss, settings]) => {
              const state = { ...lab.line.defaults, ...settings, loss };
              return [lab.line.fit(state), state.points];
            }""",
            [name, settings],
        )
        x, y = np.array(points).T

        def mean(a, b, settings=settings, x=x, y=y):
            return float(getattr(lb, name)(y, a * x + b, **settings))

        lowest = mean(slope, height)
        beside = [
            mean(slope + da, height + db)
            for far in (1e-3, 0.05, 1.0)
            for da in (-far, 0, far)
            for db in (-far, 0, far)
        ]
        assert lowest <= min(beside) * (1 + 1e-12)


LOGITS = [-30.0, -6.0, -2.0, -0.5, -1e-5, 1e-5, 0.3, 1.0, 1.5, 4.0, 30.0]
ROWS = [
    [0.0, 1.0, -1.0],
    [4.0, 0.5, 0.25],
    [-6.0, 6.0, 5.5],
    [1.0, 1.0, -3.0],
]


def probability(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    powers = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return powers / np.sum(powers, axis=-1, keepdims=True)


# Of the truth y (0 or 1) and logits, one loss each.
BINARY = {
    "binary_cross_entropy": lambda y, z, reduction: lb.binary_cross_entropy(
        y, z, from_logits=True, reduction=reduction
    ),
    "focal": lambda y, z, reduction: lb.focal(
        y, z, gamma=1.75, from_logits=True, reduction=reduction
    ),
    "hinge": lambda y, z, reduction: lb.hinge(2 * y - 1, z, reduction=reduction),
    "squared_hinge": lambda y, z, reduction: lb.squared_hinge(
        2 * y - 1, z, reduction=reduction
    ),
    "logistic": lambda y, z, reduction: lb.logistic(2 * y - 1, z, reduction=reduction),
}


def in_browser(lab, name, settings):
    """Return values and derivatives of a loss for all logits, at each truth."""
    return lab.evaluate(
        """([name, logits, settings]) => [1, 0].map((target) => logits.map((z) => {
          const [value, [slope]] = lab.logits.look(
            name, { ...lab.logits.defaults, ...settings, kind: "two", target, z });
          return [value, slope];
        }))""",
        [name, LOGITS, settings],
    )


@pytest.mark.parametrize("name", BINARY)
def test_a_loss_of_a_logit_and_its_derivative_are_those_of_lossbook(lab, name):
    z = np.array(LOGITS)
    for target, found in zip(
        (1.0, 0.0), in_browser(lab, name, {"gamma": 1.75}), strict=True
    ):
        y = np.full(len(z), target)
        values, slopes = np.transpose(found)
        close(values, BINARY[name](y, z, "none"))
        total = lb.value_and_grad(lambda z, y=y: BINARY[name](y, z, "sum"))
        close(slopes, total(z)[1])


def test_the_squared_error_of_a_probability_is_that_of_lossbook(lab):
    z = np.array(LOGITS)
    for target, found in zip((1.0, 0.0), in_browser(lab, "mse", {}), strict=True):
        # The share of the wrong class, whose digits 1 - p would lose.
        wrong = probability(-z if target else z)
        values, slopes = np.transpose(found)
        close(values, lb.mse(np.zeros(len(z)), wrong, reduction="none"))
        by_share = lb.value_and_grad(
            lambda p: lb.mse(np.zeros(len(z)), p, reduction="sum")
        )(wrong)[1]
        side = -1 if target else 1
        close(slopes, side * by_share * wrong * probability(z if target else -z))


def test_the_zero_one_loss_is_that_of_the_label_that_the_logit_gives(lab):
    z = np.array(LOGITS)
    for target, found in zip((1.0, 0.0), in_browser(lab, "zero_one", {}), strict=True):
        values, slopes = np.transpose(found)
        y = np.full(len(z), target)
        close(values, lb.zero_one(y, (z > 0).astype(float), reduction="none"))
        assert not slopes.any()


MULTICLASS = {
    "cross_entropy": lambda y, z: lb.sparse_cross_entropy(y, z, from_logits=True),
    "sparse_focal": lambda y, z: lb.sparse_focal(y, z, gamma=2.0, from_logits=True),
    "multiclass_hinge": lb.multiclass_hinge,
}


def classes_in_browser(lab, name, z, right, **settings):
    return lab.evaluate(
        """([name, [z1, z2, z3], right, settings]) => lab.logits.look(name,
          { ...lab.logits.defaults, kind: "three", z1, z2, z3, right, ...settings })""",
        [name, z, right + 1, settings],
    )


@pytest.mark.parametrize("right", [0, 1, 2])
@pytest.mark.parametrize("name", MULTICLASS)
def test_a_loss_of_three_logits_and_its_gradient_are_those_of_lossbook(
    lab, name, right
):
    for row in ROWS:
        value, slopes = classes_in_browser(lab, name, row, right)
        expected = lb.value_and_grad(lambda z: MULTICLASS[name](np.array([right]), z))(
            np.array([row])
        )
        close(value, expected[0])
        close(slopes, expected[1][0])


def test_a_sure_and_right_answer_of_three_classes_keeps_the_digits_of_its_loss(lab):
    # The third class is out of the game, so it is a matter of two.
    value, slopes = classes_in_browser(lab, "cross_entropy", [40.0, 0.0, -1e3], 0)
    expected, slope = lb.value_and_grad(
        lambda z: lb.binary_cross_entropy(np.array([1.0]), z, from_logits=True)
    )(np.array([40.0]))
    assert 0 < value < 1e-17
    close(value, expected)
    close(slopes[:2], [slope[0], -slope[0]])


def test_label_smoothing_is_that_of_lossbook(lab):
    for row in ROWS:
        value, slopes = classes_in_browser(lab, "cross_entropy", row, 1, smoothing=0.2)
        target = np.array([[0.0, 1.0, 0.0]])
        expected, gradient = lb.value_and_grad(
            lambda z, target=target: lb.cross_entropy(
                target, z, from_logits=True, label_smoothing=0.2
            )
        )(np.array([row]))
        close(value, expected)
        close(slopes, gradient[0])


def test_the_squared_error_of_three_shares_is_that_of_lossbook(lab):
    target = np.array([0.0, 1.0, 0.0])
    for row in ROWS:
        value, slopes = classes_in_browser(lab, "mse", row, 1)
        p = softmax(np.array(row))
        close(value, lb.mse(target, p))
        by_share = lb.value_and_grad(lambda p: lb.mse(target, p))(p)[1]
        close(slopes, p * (by_share - by_share @ p))


# As the chapters write them.
SURFACES = {
    "ravine": lambda x, y: 0.5 * (x**2 + 25 * y**2),
    "saddle": lambda x, y: 0.5 * (x**2 - y**2) + y**4 / 4 + 0.25,
    "rosenbrock": lambda x, y: (1 - x) ** 2 + 20 * (y - x**2) ** 2,
    "hills": lambda x, y: 1 - np.exp(-(x**2 + y**2) / 8) * np.cos(3 * x + 0.5 * y),
}
PLACES = [[-4.0, 1.0], [1.5, 0.001], [-1.2, 1.0], [0.6, 1.6], [0.1, -0.7]]


@pytest.mark.parametrize("name", SURFACES)
def test_a_surface_and_its_gradient_are_those_of_the_chapters(lab, name):
    values, gradients = lab.evaluate(
        """([name, places]) => ["value", "gradient"].map((kind) =>
          places.map((place) => lab.surfaces[name][kind](place)))""",
        [name, PLACES],
    )
    close(values, [SURFACES[name](*place) for place in PLACES])
    by_differences = [
        lb.numerical_gradient(lambda p: SURFACES[name](p[0], p[1]), np.array(place))
        for place in PLACES
    ]
    np.testing.assert_allclose(gradients, by_differences, rtol=1e-5, atol=1e-7)


OPTIMIZERS = {
    "gradient_descent": lambda lr: lb.optim.gradient_descent(lr),
    "momentum": lambda lr: lb.optim.sgd(lr, momentum=0.8),
    "nesterov": lambda lr: lb.optim.sgd(lr, momentum=0.8, nesterov=True),
    "adagrad": lambda lr: lb.optim.adagrad(lr),
    "rmsprop": lambda lr: lb.optim.rmsprop(lr),
    "adam": lambda lr: lb.optim.adam(lr),
    "adamw": lambda lr: lb.optim.adamw(lr, weight_decay=0.3),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_step_of_an_optimizer_is_the_step_of_lossbook(lab, name):
    settings = {"lr": 0.01, "momentum": 0.8, "decay": 0.3}
    path = lab.evaluate(
        "([name, settings]) => lab.descend(name, 'ravine', [-4, 1], settings, 100)",
        [name, settings],
    )
    optimizer = OPTIMIZERS[name](0.01)
    point = np.array([-4.0, 1.0])
    state, expected = optimizer.init(point), [point]
    for _ in range(100):
        point, state = optimizer.step(point, point * [1.0, 25.0], state)
        expected.append(point)
    assert np.ptp(expected, axis=0).min() > 0.1
    # Where a path swings through 0, what counts is the size of its steps.
    np.testing.assert_allclose(path, expected, rtol=1e-12, atol=1e-13)
