"""Objectives and metrics of boosted trees: beside the built-in, and what nobody says.

Each library is tried where it is installed: pip install "lossbook[xgboost]" and so on.
"""

import copy
import importlib
import pickle
import sys
import warnings
from contextlib import nullcontext
from functools import partial

import numpy as np
import pytest

import lossbook as lb
from lossbook import adapters
from lossbook.adapters import boosting

pytestmark = [
    pytest.mark.filterwarnings("ignore:Failed to import numba:UserWarning"),
    # LightGBM 4.6, of arrays that it has named the columns of itself
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
]

LIBRARIES = ("xgboost", "lightgbm", "catboost")
ROUNDS = 20
RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 4))
X[::7, 1] = np.nan  # missing values go their own way in a tree
SIGNAL = X[:, 0] - np.nan_to_num(X[:, 1])
NUMBER = SIGNAL + 0.3 * RNG.normal(size=400)
BIT = (SIGNAL + RNG.normal(size=400) > 0).astype(float)
COUNT = RNG.poisson(np.exp(SIGNAL / 2)).astype(float)
LABEL = np.digitize(SIGNAL, [-0.5, 0.5])
WEIGHT = RNG.uniform(0.5, 2, 400)


def load(name):
    return pytest.importorskip(
        name, reason=f'needs pip install "lossbook[{name}]"', exc_type=ImportError
    )


def adapter(name):
    load(name)
    return getattr(adapters, name)


on_every_library = pytest.mark.parametrize("name", LIBRARIES)


def fit(name, y, objective, start=0.0, weight=None, rows=X, **params):
    """Train with a built-in objective (its name) or one of ours; return raw scores."""
    train = {"xgboost": fit_xgboost, "lightgbm": fit_lightgbm, "catboost": fit_catboost}
    return train[name](y, objective, start, weight, rows, **params)


def fit_xgboost(y, objective, start, weight, rows, rounds=ROUNDS, **params):
    xgb = load("xgboost")
    own = {} if isinstance(objective, str) else {"obj": objective}
    data = xgb.DMatrix(rows, label=y, weight=weight)
    params = {"nthread": 1, "max_depth": 3, "base_score": start, **params}
    if not own:
        params["objective"] = objective
    booster = xgb.train(params, data, num_boost_round=rounds, **own)
    return booster.predict(data, output_margin=True)


def fit_lightgbm(y, objective, start, weight, rows, rounds=ROUNDS, **params):
    lgb = load("lightgbm")
    scores = np.tile(start, (len(y), 1)).squeeze()
    data = lgb.Dataset(rows, y, weight=weight, init_score=scores)
    usual = {"num_threads": 1, "verbosity": -1, "num_leaves": 8, "min_data_in_leaf": 5}
    params = {**usual, "objective": objective, **params}
    booster = lgb.train(params, data, num_boost_round=rounds)
    return booster.predict(rows, raw_score=True) + start


def fit_catboost(y, objective, start, weight, rows, rounds=ROUNDS, **params):
    model = catboost_model(objective, rounds, **params)
    scores = np.tile(start, (len(y), 1)).squeeze()
    pool = load("catboost").Pool(rows, y, weight=weight, baseline=scores)
    return model.fit(pool).predict(rows, prediction_type="RawFormulaVal") + start


def catboost_model(objective, rounds=ROUNDS, kind="CatBoost", metric=None, **params):
    own = not isinstance(objective, str)
    made = {
        "loss_function": objective,
        "iterations": rounds,
        "depth": 3,
        "learning_rate": 0.3,
        "thread_count": 1,
        "verbose": 0,
        "leaf_estimation_method": "Newton",
        "leaf_estimation_iterations": 1,
        "random_strength": 0,
        "bootstrap_type": "No",
        "allow_writing_files": False,
        **params,
    }
    if own:
        loss, given = objective.loss, objective.parameters
        made["eval_metric"] = metric or adapters.catboost.metric(loss, **given)
    elif objective != "MultiClass":
        made["boost_from_average"] = False
    cb = load("catboost")
    return cb.CatBoost(made) if kind == "CatBoost" else getattr(cb, kind)(**made)


# Beside the built-in objectives

BCE, POISSON = lb.binary_cross_entropy, lb.poisson_nll
HALF_SQUARE = partial(lb.huber, delta=1e9)  # e²/2, as the libraries write it
SOFTMAX = lb.sparse_cross_entropy
SMALL = {"min_sum_hessian_in_leaf": 0.0}
# Library, built-in objective and its parameters, our loss and parameters, truth.
BUILT_IN = [
    ("xgboost", "binary:logistic", {}, BCE, {}, BIT),
    ("xgboost", "reg:squarederror", {}, HALF_SQUARE, {}, NUMBER),
    # mse is twice that: so must be what is added to the curvatures
    (
        "xgboost", "reg:squarederror", {},
        lb.mse, {"reg_lambda": 2, "min_child_weight": 2}, NUMBER,
    ),
    # it multiplies the curvature by exp(max_delta_step), .7 by default
    ("xgboost", "count:poisson", {"max_delta_step": 0}, POISSON, {}, COUNT),
    # its curvature is 2 p (1 - p): half the step, and what is added counts half
    (
        "xgboost", "multi:softprob", {"num_class": 3, "eta": 0.6},
        SOFTMAX, {"num_class": 3, "reg_lambda": 0.5, "min_child_weight": 0.5}, LABEL,
    ),
    ("lightgbm", "binary", {}, BCE, {}, BIT),
    ("lightgbm", "regression", {}, HALF_SQUARE, {}, NUMBER),
    ("lightgbm", "huber", {"alpha": 0.5}, lb.huber, {}, NUMBER),  # with 1 everywhere
    # it multiplies the curvature by exp(poisson_max_delta_step), .7 by default
    ("lightgbm", "poisson", {"poisson_max_delta_step": 1e-9}, POISSON, {}, COUNT),
    # its curvature is p (1 - p) C / (C - 1): a step of 2/3
    (
        "lightgbm", "multiclass", {"num_class": 3, "learning_rate": 0.3, **SMALL},
        SOFTMAX, {"num_class": 3, "learning_rate": 0.2, **SMALL}, LABEL,
    ),
    ("catboost", "Logloss", {}, BCE, {}, BIT),
    ("catboost", "RMSE", {}, HALF_SQUARE, {}, NUMBER),
    ("catboost", "Poisson", {}, POISSON, {}, COUNT),
    ("catboost", "Huber:delta=0.5", {}, lb.huber, {}, NUMBER),
    ("catboost", "LogCosh", {}, lb.log_cosh, {}, NUMBER),
    # the whole Hessian of a row, as ours
    ("catboost", "MultiClass", {}, SOFTMAX, {"classes_count": 3}, LABEL),
]  # fmt: skip
HOW = {
    ("lightgbm", "huber"): {"curvature": 1.0, "delta": 0.5},
    ("catboost", "Huber:delta=0.5"): {"curvature": "exact", "delta": 0.5},
    ("catboost", "LogCosh"): {"curvature": "exact"},
}


@pytest.mark.parametrize(
    ("name", "theirs", "params", "loss", "ours", "y"),
    BUILT_IN,
    ids=[f"{row[0]} {row[1]} {row[4]}" for row in BUILT_IN],
)
def test_ours_gives_the_scores_of_the_built_in_objective(
    name, theirs, params, loss, ours, y
):
    own = adapter(name).objective(loss, **HOW.get((name, theirs), {}))
    start = 0.0 if own.rowwise else own.start(y, WEIGHT)
    if own.rowwise and name != "xgboost":
        start = np.zeros(3)
    linked = float(own.predictions(start)) if name == "xgboost" and y is BIT else start
    linked = float(np.exp(start)) if name == "xgboost" and y is COUNT else linked
    expected = fit(name, y, theirs, linked, WEIGHT, **params)
    found = fit(name, y, own, start, WEIGHT, **ours)
    assert np.ptp(expected) > 0.5
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "theirs", "first"),
    [("xgboost", "multi:softprob", 1.5), ("lightgbm", "multiclass", 2.0)],
)
def test_the_first_leaf_of_three_classes_is_three_and_theirs_is_less(
    name, theirs, first
):
    params = {
        "xgboost": {"num_class": 3, "eta": 1, "reg_lambda": 0, "min_child_weight": 0},
        "lightgbm": {"num_class": 3, "learning_rate": 1.0, **SMALL},
    }[name]
    rows = np.arange(40.0)[:, None]
    y = (rows[:, 0] > 19).astype(int) * 2  # a leaf of one class: (1 - p) / p (1 - p)
    start = 0.0 if name == "xgboost" else np.zeros(3)
    own = adapter(name).objective(SOFTMAX)
    for objective, want in ((own, 3.0), (theirs, first)):
        scores = fit(name, y, objective, start, rows=rows, rounds=1, **params)
        assert scores[0, 0] == pytest.approx(want, rel=1e-5)


# What nobody says: robust losses, weights, starts


def far_rows(n):
    y = np.r_[np.full(n // 2, 100.0), np.full(n // 2, 200.0)]
    y += 0.1 * np.random.default_rng(1).normal(size=n)
    return np.repeat([[0.0], [1.0]], n // 2, axis=0), y


FAR = {
    "xgboost": {"eta": 0.3, "start": 0.5},
    "lightgbm": {"learning_rate": 0.3},
    "catboost": {},
}


@on_every_library
@pytest.mark.parametrize("loss", [lb.huber, lb.log_cosh])
def test_a_robust_loss_arrives_with_the_parabola_and_not_with_its_own_curvature(
    name, loss
):
    rows, y = far_rows(200)

    def scores(curvature):
        own = adapter(name).objective(loss, curvature=curvature)
        found = fit(name, y, own, rows=rows, rounds=100, **FAR[name])
        return found[[0, -1]]

    np.testing.assert_allclose(scores("auto"), [100, 200], atol=0.2)
    if name != "catboost":  # which adds 3 to the sum of curvatures of 0
        start = FAR[name].get("start", 0.0)
        told = name == "xgboost"
        with pytest.warns(UserWarning, match="auto") if told else nullcontext():
            assert scores("exact") == pytest.approx([start, start], abs=1e-3)
    assert scores(1.0).max() < 35  # at most the learning rate a round


def test_xgboost_warns_where_its_default_forbids_the_first_split():
    objective = adapter("xgboost").objective
    rows, y = far_rows(100)  # 50/100 + 50/200 < 1
    with pytest.warns(UserWarning, match="sum to 0.75.*min_child_weight=0"):
        fit("xgboost", y, objective(lb.huber), 0.5, rows=rows, rounds=3)
    for start, params in ((0.5, {"min_child_weight": 0}), (150.0, {})):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            own = objective(lb.huber)
            fit("xgboost", y, own, start, rows=rows, rounds=100, **params)
    scores = fit(
        "xgboost",
        y,
        objective(lb.huber),
        0.5,
        rows=rows,
        rounds=100,
        min_child_weight=0,
    )
    np.testing.assert_allclose(scores[[0, -1]], [100, 200], atol=0.2)


def warned_of_no_split(train):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train()
    return any("no tree has split" in str(x.message) for x in caught)


def test_xgboost_warns_where_a_single_leaf_moves_and_cannot_split():
    share = 0.9 * WEIGHT / WEIGHT.sum()  # curvatures of 1.8: one leaf has 1, not two
    objective = adapter("xgboost").objective
    for params, warned in (({}, True), ({"min_child_weight": 0}, False)):
        train = partial(fit, "xgboost", NUMBER, objective(lb.mse), 0.5, share, **params)
        assert warned_of_no_split(train) == warned


def test_xgboost_does_not_warn_of_a_second_fit_of_one_round():
    objective = adapter("xgboost").objective(lb.huber, delta=5.0)
    share = WEIGHT / WEIGHT.sum()

    def twice():
        for _ in range(2):
            how = {"rounds": 1, "min_child_weight": 0}
            fit("xgboost", NUMBER, objective, 0.5, share, **how)

    assert not warned_of_no_split(twice)


def test_xgboost_s_classifier_starts_where_the_page_says():
    xgb = load("xgboost")
    for loss in (lb.huber, lb.squared_hinge, BCE):
        own = adapter("xgboost").objective(loss)
        start = own.start(BIT)
        model = xgb.XGBClassifier(
            objective=own, base_score=1 / (1 + np.exp(-start)), n_estimators=1,
            learning_rate=1e-9,
        )  # fmt: skip
        found = model.fit(X, BIT).predict(X, output_margin=True)
        assert found == pytest.approx(start, abs=1e-5)


def test_labels_of_several_columns_are_refused():
    with pytest.raises(ValueError, match="a model for each column"):
        OfBoth(lb.mse).derivatives(np.zeros((3, 2)), np.zeros((3, 2)))


@on_every_library
def test_a_weight_of_three_is_a_row_three_times(name):
    own = adapter(name).objective(BCE)
    weight = RNG.integers(1, 4, 400)
    params = {"min_data_in_leaf": 1} if name == "lightgbm" else {}
    # CatBoost multiplies its penalty by the mean weight
    penalty = {"l2_leaf_reg": 3 * weight.mean()} if name == "catboost" else {}
    rows = np.round(X, 1)  # few enough values that each is a bin, in both
    thrice = np.repeat(np.arange(400), weight)
    many = fit(name, BIT[thrice], own, rows=rows[thrice], rounds=5, **params, **penalty)
    few = fit(name, BIT, own, weight=weight, rows=rows, rounds=5, **params)
    assert np.ptp(few) > 0.5
    first = np.r_[0, np.cumsum(weight)[:-1]]
    np.testing.assert_allclose(many[first], few, atol=1e-5)
    gradient, hessian = own.derivatives(BIT, few, weight)
    plain = own.derivatives(BIT, few)
    np.testing.assert_array_equal(gradient, weight * plain[0])
    np.testing.assert_array_equal(hessian, weight * plain[1])


@on_every_library
def test_predictions_have_the_start_in_them_and_the_unit_of_the_targets(name):
    room = adapter(name)
    own = room.objective(lb.huber, delta=0.5)
    y = NUMBER + 1000
    start = own.start(y)
    assert start == lb.best_constant(lb.huber, y, delta=0.5)
    model, more = sklearn_model(name, own, start), {}
    if name == "lightgbm":
        more["init_score"] = own.start_scores(y)
    if name == "catboost":
        more["baseline"] = own.start_scores(y)
    model.fit(X, y, **more)
    args = () if name == "xgboost" else (start,)
    predict = pickle.loads(pickle.dumps(room.predictor(model, own, *args)))
    assert np.abs(predict(X) - y).mean() < 0.5
    own = room.objective(BCE)
    model = sklearn_model(name, own, 0.5, "Classifier").fit(X, BIT)
    predict = room.predictor(model, own)
    p = predict(X)
    assert p.shape == (400,) and p.min() > 0 and p.max() < 1
    np.testing.assert_allclose(p, 1 / (1 + np.exp(-predict(X, raw=True))))
    assert ((p > 0.5) == BIT).mean() > 0.75


def sklearn_model(name, objective, start=None, kind="Regressor", metric=None, **more):
    if name == "xgboost":
        given = {"n_jobs": 1, "n_estimators": 30, "max_depth": 3, "eval_metric": metric}
        made = getattr(load(name), f"XGB{kind}")
        return made(objective=objective, base_score=start, **given, **more)
    if name == "lightgbm":
        given = {"n_jobs": 1, "n_estimators": 30, "verbosity": -1, "max_depth": 3}
        return getattr(load(name), f"LGBM{kind}")(objective=objective, **given, **more)
    kind = f"CatBoost{kind}"
    return catboost_model(objective, 30, kind, metric, **more)


# Ordinary use: clones, folds, early stopping, pickles


@on_every_library
def test_clones_are_cross_validated_and_fitted_models_pickle(name):
    from sklearn.base import clone
    from sklearn.model_selection import cross_val_score

    own = adapter(name).objective(lb.log_cosh)
    model = sklearn_model(name, own, 0.0)
    assert cross_val_score(clone(model), X, NUMBER, cv=3).min() > 0.5
    fitted = copy.deepcopy(model).fit(X, NUMBER, sample_weight=WEIGHT)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


def test_two_metrics_of_one_loss_are_told_apart_by_their_names():
    room, library, history = adapter("lightgbm"), load("lightgbm"), {}
    metrics = [room.metric(lb.huber, delta=1.0)]
    metrics.append(room.metric(lb.huber, name="wide", delta=9.0))
    rows = library.Dataset(X, NUMBER)
    library.train(
        {"objective": room.objective(lb.huber), "metric": "None", "verbosity": -1},
        rows, 1, valid_sets=[rows], feval=metrics,
        callbacks=[library.record_evaluation(history)],
    )  # fmt: skip
    assert {key: len(values) for key, values in history["training"].items()} == {
        "huber": 1,
        "wide": 1,
    }
    assert adapter("xgboost").metric(lb.mse, name="e2").__name__ == "e2"
    assert adapter("xgboost").metric(lb.mse).__name__ == "mse"


@on_every_library
def test_early_stopping_follows_our_metric(name):
    room, library = adapter(name), load(name)
    own, metric = room.objective(lb.huber, delta=0.2), room.metric(lb.huber, delta=0.2)
    noise = NUMBER + RNG.normal(size=400)  # in the second half, nothing like the first
    train, valid = slice(0, 200), slice(200, 400)
    if name == "xgboost":
        rows, other = (
            library.DMatrix(X[s], label=noise[s], weight=WEIGHT[s])
            for s in (train, valid)
        )
        params = {"nthread": 1, "disable_default_eval_metric": 1, "base_score": 0.0}
        history = {}
        model = library.train(
            params, rows, 200, obj=own, custom_metric=metric, evals=[(other, "valid")],
            early_stopping_rounds=5, evals_result=history, verbose_eval=False,
        )  # fmt: skip
        losses, best = history["valid"]["huber"], model.best_iteration
    elif name == "lightgbm":
        rows, other = (
            library.Dataset(X[s], noise[s], weight=WEIGHT[s]) for s in (train, valid)
        )
        params = {"objective": own, "num_threads": 1, "verbosity": -1, "metric": "None"}
        history = {}
        stop = library.early_stopping(5, verbose=False)
        model = library.train(
            params, rows, 400, valid_sets=[other], feval=metric,
            callbacks=[stop, library.record_evaluation(history)],
        )  # fmt: skip
        losses, best = history["valid_0"]["huber"], model.best_iteration - 1
    else:
        rows, other = (
            library.Pool(X[s], noise[s], weight=WEIGHT[s]) for s in (train, valid)
        )
        model = catboost_model(own, 200, metric=metric)
        model.fit(rows, eval_set=other, early_stopping_rounds=5)
        (losses,) = model.get_evals_result()["validation"].values()
        best = model.get_best_iteration()
    assert best == np.argmin(losses) < len(losses) - 1
    predict = room.predictor(model, own)
    held_out = lb.huber(
        noise[valid], predict(X[valid]), delta=0.2, sample_weight=WEIGHT[valid]
    )
    assert held_out == pytest.approx(min(losses), rel=1e-5)


def test_metrics_see_scores_with_our_objective_and_probabilities_with_theirs():
    xgb, room = load("xgboost"), adapter("xgboost")
    values = []
    for objective, given in (
        (room.objective(BCE), {}),
        ("binary:logistic", {"from_logits": False}),
    ):
        model = xgb.XGBClassifier(
            objective=objective, n_estimators=5, n_jobs=1, base_score=0.5,
            eval_metric=room.metric(BCE, **given),
        )  # fmt: skip
        model.fit(X, BIT, sample_weight=WEIGHT, eval_set=[(X, BIT)], verbose=False)
        values.append(model.evals_result()["validation_0"]["binary_cross_entropy"][-1])
    p = model.predict_proba(X)[:, 1]
    assert values == pytest.approx([float(BCE(BIT, p))] * 2, rel=1e-5)


@on_every_library
def test_losses_of_margins_take_the_labels_of_classifiers(name):
    for loss in (lb.logistic, lb.squared_hinge):
        own = adapter(name).objective(loss)
        model = sklearn_model(name, own, 0.5, "Classifier").fit(X, BIT)
        scores = adapter(name).predictor(model, own)(X, raw=True)
        assert ((scores > 0) == BIT).mean() > 0.75


# What is refused


class OfBoth(boosting.Objective):
    """An objective of no library: what all three share."""


def test_a_loss_without_curvature_is_refused_with_the_reason_unless_it_is_given():
    for loss in (lb.mae, lb.quantile, lb.hinge):
        for curvature in ("auto", "exact"):
            with pytest.raises(ValueError, match=r"has no curvature.*curvature=1\.0"):
                OfBoth(loss, curvature)
        gradient, hessian = OfBoth(loss, 2.0).derivatives([1, 1], [0.5, 3], [1, 5])
        assert hessian.tolist() == [2, 10]
        plain = lb.value_and_grad(loss)([1, 1], [0.5, 3.0], reduction="sum")[1]
        np.testing.assert_array_equal(gradient, plain * [1, 5])
    for loss in (lb.rmse, lb.zero_one):
        with pytest.raises(ValueError, match="no tree can be fitted"):
            OfBoth(loss, 1.0)


def test_what_cannot_be_an_objective_or_a_metric_says_why():
    for make in (OfBoth, lambda loss: boosting.Metric(loss, {})):
        for wrong in (np.mean, "mse", lb.warp, None):
            with pytest.raises(TypeError, match="takes one of lossbook's losses"):
                make(wrong)
    with pytest.raises(TypeError, match="variance for each row"):
        OfBoth(lb.gaussian_nll)
    with pytest.raises(ValueError, match="from_logits=False is for predictions"):
        OfBoth(BCE, parameters={"from_logits": False})
    with pytest.raises(ValueError, match="delta must be a positive number"):
        OfBoth(lb.huber, parameters={"delta": -1})
    with pytest.raises(TypeError, match="reduction and sample_weight are no param"):
        OfBoth(lb.huber, parameters={"reduction": "sum"})
    for curvature in ("newton", 0, -1.0, True, None, float("inf")):
        with pytest.raises(ValueError, match="curvature must be 'auto', 'exact' or"):
            OfBoth(lb.huber, curvature)


@on_every_library
def test_a_parameter_that_classes_cannot_have_is_refused_when_it_is_given(name):
    own = adapter(name)
    for wrong, words in (
        ({"label_smoothing": 0.5}, "label_smoothing cannot"),
        ({"class_weight": [1, 10, 1]}, "class_weight cannot.*sample_weight"),
        ({"axis": 0}, "axis cannot"),
        ({"delta": 3}, "delta"),
    ):
        with pytest.raises((ValueError, TypeError), match=words):
            own.objective(SOFTMAX, **wrong)
    with pytest.raises(TypeError, match="delta"):
        own.metric(SOFTMAX, delta=3)
    assert own.metric(SOFTMAX, class_weight=[1, 10, 1], label_smoothing=0.1)


def test_catboost_leaves_out_rows_whose_label_is_ignored():
    objective = adapter("catboost").objective(SOFTMAX, ignore_index=-1)
    gradient, hessian = objective.calc_ders_multi(np.zeros(3), -1.0, 2.0)
    assert not gradient.any() and not hessian.any()
    gradient, _ = objective.calc_ders_multi(np.zeros(3), 1.0, 3.0)
    np.testing.assert_allclose(gradient, [-1, 2, -1])


def test_catboost_is_told_of_two_classes_that_they_have_one_score():
    catboost = load("catboost")
    model = catboost.CatBoost(
        {
            "loss_function": adapter("catboost").objective(SOFTMAX),
            "eval_metric": adapter("catboost").metric(SOFTMAX),
            "iterations": 2, "verbose": 0, "allow_writing_files": False,
        }
    )  # fmt: skip
    with pytest.raises(Exception, match="Take binary_cross_entropy"):
        model.fit(np.nan_to_num(X), BIT)


def test_a_class_that_no_row_has_gets_a_start_by_smoothing():
    labels = [0, 2, 2]
    with pytest.raises(ValueError, match="no label 1") as caught:
        OfBoth(SOFTMAX).start(labels)
    remedy = str(caught.value).partition("Start at ")[2].rstrip(".")
    start = eval(remedy, {"lossbook": lb, "y": labels})
    assert start.shape == (3,) and np.isfinite(start).all()


def test_labels_that_do_not_fit_are_refused():
    rows = OfBoth(SOFTMAX)
    with pytest.raises(ValueError, match=r"labels 0 to 2 for 3 classes, got.* 0 to 3"):
        rows.derivatives([0, 3], np.zeros((2, 3)))
    with pytest.raises(ValueError, match="needs one score a class"):
        rows.derivatives([0, 1], np.zeros(2))
    with pytest.raises(ValueError, match="labels must be integers"):
        rows.derivatives([0.5, 1], np.zeros((2, 3)))
    with pytest.raises(ValueError, match="has no labels"):
        OfBoth(BCE).derivatives([], np.zeros(2))
    with pytest.raises(ValueError, match=r"y_true must hold 0 and 1|must lie in"):
        OfBoth(BCE).derivatives([0, 2], np.zeros(2))


def test_a_matrix_without_labels_is_refused():
    xgb = load("xgboost")
    with pytest.raises(ValueError, match="has no labels"):
        xgb.train({}, xgb.DMatrix(X), obj=adapter("xgboost").objective(lb.huber))


@on_every_library
def test_without_the_library_it_says_how_to_get_it(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, f"lossbook.adapters.{name}", raising=False)
    with pytest.raises(ImportError, match=rf'pip install "lossbook\[{name}\]"'):
        importlib.import_module(f"lossbook.adapters.{name}")
