"""Compare 50 steps of each optimizer with the frameworks', and time Adam beside theirs.

    python -m benchmarks.optimizers [steps] [times] [--rounds N]

The sides of a row run in turn within one process, and the row shows the ratio of their
best times: a figure of one machine and one minute, but of the same one for both.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import numpy as np

import lossbook as lb

BACKENDS = ("numpy", "torch", "tensorflow")
SIZE = 1_000_000
BARS = {"torch.optim.Adam": 1.5, "keras.optimizers.Adam": 1.0}

# --- trajectories -----------------------------------------------------------------


class Case(NamedTuple):
    """An optimizer with its settings, and a learning rate to change to half-way."""

    name: str
    settings: dict[str, Any]
    change: float | None = None
    libraries: tuple[str, ...] = ("torch", "keras")

    def __str__(self) -> str:
        inside = ", ".join(f"{key}={value}" for key, value in self.settings.items())
        then = f", then lr={self.change}" if self.change else ""
        return f"{self.name}({inside}{then})"


CASES = [
    Case("sgd", {}),
    Case("sgd", {"lr": 0.03}, 0.002),
    Case("sgd", {"lr": 0.01, "momentum": 0.9}),
    Case("sgd", {"lr": 0.01, "momentum": 0.9}, 0.001),
    Case("sgd", {"lr": 0.01, "momentum": 0.7, "nesterov": True}),
    Case("sgd", {"lr": 0.01, "momentum": 0.95, "nesterov": True}, 0.002),
    Case("adagrad", {}),
    Case("adagrad", {}, 0.2),
    Case("adagrad", {"lr": 0.3, "initial_accumulator": 0.7, "eps": 1e-2}, 0.05),
    Case("rmsprop", {}),
    Case("rmsprop", {}, 0.003),
    Case("rmsprop", {"lr": 0.02, "rho": 0.7, "eps": 1e-2}, 0.005),
    Case("rmsprop", {"lr": 0.01, "rho": 0.95, "eps": 1e-3, "momentum": 0.8}, 0.002),
    Case("adam", {}),
    Case("adam", {}, 0.02),
    Case("adam", {"lr": 0.05, "beta1": 0.5, "beta2": 0.9, "eps": 1e-2}, 0.01),
    Case("adam", {"lr": 0.05, "beta1": 0.0, "beta2": 0.99, "eps": 1e-6}),
    Case("adamw", {}),
    Case("adamw", {}, 0.02),
    Case("adamw", {"lr": 0.05, "beta1": 0.8, "beta2": 0.99, "weight_decay": 0.3}, 0.01),
]
# Decays, the largest square so far, Lion and Muon.
DECAY = {"w": True, "b": False}  # as one does: biases stay as they are
LATER = [
    Case("sgd", {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.5, "decay": DECAY}),
    Case("adagrad", {"weight_decay": 0.5}, 0.2),
    Case("rmsprop", {"momentum": 0.8, "weight_decay": 0.5}, 0.002),
    Case("adam", {"lr": 0.05, "weight_decay": 0.5, "decay": DECAY}, 0.01),
    Case("adam", {"lr": 0.05, "beta2": 0.9, "amsgrad": True}, 0.01),
    Case("adamw", {"lr": 0.05, "beta2": 0.9, "amsgrad": True, "decay": DECAY}),
    Case("lion", {"lr": 0.02, "beta1": 0.8, "weight_decay": 0.3}, 0.005, ("keras",)),
    Case("muon", {"lr": 0.05, "weight_decay": 0.3}, 0.01),
    Case("muon", {"lr": 0.05, "momentum": 0.8, "nesterov": False, "steps": 3}),
    Case("muon", {"lr": 0.05, "rms": 0.2, "decay": DECAY}),
]
STEPS = 50
START = {
    "w": np.array([[1.5, -2.0], [0.3, 4.0], [-1.0, 0.01]]),
    "b": np.array([1.0, -0.5, 2.0]),
}
CURVATURE = {
    "w": np.array([[20.0, 3.0], [0.5, 0.02], [7.0, 1e-3]]),
    "b": np.array([10.0, 0.3, 1.0]),
}


def gradient(key: str, values: np.ndarray, step: int) -> np.ndarray:
    """Slope of a bowl with a ripple, which also shakes from step to step."""
    shake = np.cos(7.0 * step + np.arange(values.size)).reshape(values.shape)
    return CURVATURE[key] * values + 0.2 * np.sin(3 * values) + 0.1 * shake


def relative_difference(a: np.ndarray, b: np.ndarray) -> float:
    """Return the largest difference, relative to the largest value on the same way."""
    return float(np.max(np.abs(a - b) / np.abs(b).max(axis=0)))


def start_of(case: Case, like: str) -> dict[str, np.ndarray]:
    """Return the parameters that the optimizer takes: Muon's of torch no vectors."""
    only_matrices = case.name == "muon" and like == "torch"
    return {k: v for k, v in START.items() if v.ndim == 2 or not only_matrices}


def run_ours(case: Case, like: str, backend: str, dtype: str = "float64") -> np.ndarray:
    """Return the parameters after each step, one row a step."""
    make = {
        "numpy": np.asarray,
        "torch": _torch_tensor,
        "tensorflow": _tf_constant,
        "jax": _jax_array,
    }
    array = make[backend]
    params = {k: array(v.astype(dtype)) for k, v in start_of(case, like).items()}
    settings = dict(case.settings)
    if "decay" in settings:
        settings["decay"] = {key: settings["decay"][key] for key in params}
    optimizer = getattr(lb.optim, case.name)(**settings, like=like)
    state, path = optimizer.init(params), []
    for step in range(STEPS):
        slopes = {k: gradient(k, np.asarray(p), step) for k, p in params.items()}
        grads = {k: array(slope.astype(dtype)) for k, slope in slopes.items()}
        changed = case.change if case.change and step >= STEPS // 2 else None
        params, state = optimizer.step(params, grads, state, lr=changed)
        path.append(np.concatenate([np.asarray(p).ravel() for p in params.values()]))
    return np.array(path)


def _torch_tensor(values: np.ndarray) -> Any:
    import torch

    return torch.tensor(values)


def _tf_constant(values: np.ndarray) -> Any:
    import tensorflow as tf

    return tf.constant(values)


def _jax_array(values: np.ndarray) -> Any:
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax.numpy.array(values)


TORCH = {
    "sgd": "SGD",
    "adagrad": "Adagrad",
    "rmsprop": "RMSprop",
    "adam": "Adam",
    "adamw": "AdamW",
    "muon": "Muon",
}
TORCH_NAMES = {
    "rho": "alpha",
    "initial_accumulator": "initial_accumulator_value",
    "steps": "ns_steps",
}


def run_torch(case: Case, dtype: str = "float64") -> np.ndarray:
    """Return the same of ``torch.optim``."""
    import torch

    settings = {TORCH_NAMES.get(key, key): v for key, v in case.settings.items()}
    if "adam" in case.name:
        settings["betas"] = settings.pop("beta1", 0.9), settings.pop("beta2", 0.999)
    if settings.pop("rms", None):
        settings["adjust_lr_fn"] = "match_rms_adamw"
    which = settings.pop("decay", {})
    params = {
        k: torch.tensor(v.astype(dtype), requires_grad=True)
        for k, v in start_of(case, "torch").items()
    }
    groups = [
        {"params": [p]} if which.get(k, True) else {"params": [p], "weight_decay": 0}
        for k, p in params.items()
    ]
    optimizer, path = getattr(torch.optim, TORCH[case.name])(groups, **settings), []
    for step in range(STEPS):
        if case.change and step == STEPS // 2:
            for group in optimizer.param_groups:
                group["lr"] = case.change
        for key, p in params.items():
            slope = gradient(key, p.detach().numpy(), step)
            p.grad = torch.tensor(slope.astype(dtype))
        optimizer.step()
        path.append(
            np.concatenate([p.detach().numpy().ravel() for p in params.values()])
        )
    return np.array(path)


def run_keras(case: Case, dtype: str = "float64") -> np.ndarray:
    """Return the same of ``keras.optimizers``.

    Whatever it is told, it rounds the momentum of SGD to float32 in between.
    """
    import keras

    usual = keras.config.floatx()
    keras.config.set_floatx(dtype)  # else it rounds the learning rate too
    try:
        return _keras_path(case, dtype)
    finally:
        keras.config.set_floatx(usual)


KERAS = {**TORCH, "lion": "Lion"}
KERAS_NAMES = {
    "lr": "learning_rate",
    "beta1": "beta_1",
    "beta2": "beta_2",
    "eps": "epsilon",
    "initial_accumulator": "initial_accumulator_value",
    "steps": "ns_steps",
    "rms": "rms_rate",
}


def _keras_path(case: Case, dtype: str) -> np.ndarray:
    import keras

    settings = {KERAS_NAMES.get(key, key): v for key, v in case.settings.items()}
    which = settings.pop("decay", {})
    if case.name == "muon" and "weight_decay" in settings:
        settings["adam_weight_decay"] = settings["weight_decay"]
    optimizer = getattr(keras.optimizers, KERAS[case.name])(**settings)
    params = {k: keras.Variable(v, dtype=dtype) for k, v in START.items()}
    optimizer.exclude_from_weight_decay(
        [p for k, p in params.items() if not which.get(k, True)]
    )
    path = []
    for step in range(STEPS):
        if case.change and step == STEPS // 2:
            optimizer.learning_rate = case.change
        grads = [gradient(key, p.numpy(), step) for key, p in params.items()]
        grads = [keras.ops.convert_to_tensor(g, dtype) for g in grads]
        optimizer.apply(grads, list(params.values()))
        path.append(np.concatenate([p.numpy().ravel() for p in params.values()]))
    return np.array(path)


def report_steps() -> bool:
    """Print the largest relative differences, and say whether the bars are met."""
    print(f"\nlargest relative difference in {STEPS} steps, float64")
    print(
        f"{'optimizer':10}{'library':9}" + "".join(f"{name:>12}" for name in BACKENDS)
    )
    met = True
    for name in dict.fromkeys(case.name for case in CASES + LATER):
        for like, theirs, bar in (
            ("torch", run_torch, 1e-12),
            ("keras", run_keras, 1e-6),
        ):
            worst = dict.fromkeys(BACKENDS, 0.0)
            for case in CASES + LATER:
                if case.name != name or like not in case.libraries:
                    continue
                expected = theirs(case)
                for backend in BACKENDS:
                    found = relative_difference(run_ours(case, like, backend), expected)
                    worst[backend] = max(worst[backend], found)
            met &= all(value <= bar for value in worst.values())
            row = "".join(f"{value:12.1e}" for value in worst.values())
            print(f"{name:10}{like:9}{row}")
    return met


# --- times ------------------------------------------------------------------------


def torch_pair(values: np.ndarray, grads: np.ndarray) -> list[Callable[[], object]]:
    import torch

    weight = torch.tensor(values, requires_grad=True)
    weight.grad = torch.tensor(grads)
    theirs = torch.optim.Adam([weight])
    return [_ours(torch.tensor(values), torch.tensor(grads), "torch"), theirs.step]


def _ours(params: Any, grads: Any, like: str) -> Callable[[], object]:
    optimizer = lb.optim.adam(like=like)
    now = [params, optimizer.init(params)]

    def run() -> None:
        now[:] = optimizer.step(now[0], grads, now[1])

    return run


def keras_pair(
    values: np.ndarray, grads: np.ndarray, graph: bool
) -> list[Callable[[], object]]:
    import keras
    import tensorflow as tf

    gradient = tf.constant(grads)
    weight = keras.Variable(values)
    theirs = keras.optimizers.Adam()
    theirs.build([weight])
    if not graph:
        ours = _ours(tf.constant(values), gradient, "keras")
        return [ours, lambda: theirs.apply([gradient], [weight])]

    optimizer = lb.optim.adam(like="keras")
    now = tf.nest.map_structure(
        tf.Variable, (tf.constant(values), optimizer.init(gradient))
    )

    @tf.function
    def ours_in_graph() -> None:
        new = optimizer.step(now[0], gradient, now[1])
        tf.nest.map_structure(lambda variable, value: variable.assign(value), now, new)

    @tf.function
    def theirs_in_graph() -> None:
        theirs.apply([gradient], [weight])

    return [ours_in_graph, theirs_in_graph]


def best_times(runs: list[Callable[[], object]], rounds: int) -> list[float]:
    """Run all sides in turn and return the best time of each, in seconds."""
    best = [float("inf")] * len(runs)
    for turn in range(rounds + 3):
        for side, run in enumerate(runs):
            start = time.perf_counter()
            run()
            if turn >= 3:
                best[side] = min(best[side], time.perf_counter() - start)
    return best


def report_times(rounds: int) -> bool:
    """Print the times of a step, and say whether the bars are met."""
    rng = np.random.default_rng(0)
    values, grads = rng.normal(size=(2, SIZE)).astype(np.float32)
    rows = {
        "torch.optim.Adam": torch_pair(values, grads),
        "keras.optimizers.Adam": keras_pair(values, grads, graph=False),
        "keras.optimizers.Adam, tf.function": keras_pair(values, grads, graph=True),
    }
    print(f"\none step of Adam, {SIZE:,} parameters in float32, milliseconds")
    print(f"{'beside':36}{'lossbook':>10}{'framework':>11}{'ratio':>8}{'bar':>6}")
    met = True
    for name, runs in rows.items():
        ours, theirs = best_times(runs, rounds)
        bar = BARS[name.partition(",")[0]]
        met &= ours / theirs <= bar
        times = f"{ours * 1e3:10.2f}{theirs * 1e3:11.2f}{ours / theirs:8.2f}{bar:6.1f}"
        print(f"{name:36}{times}")
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", nargs="*", help="steps, times; both by default")
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    what = options.what or ["steps", "times"]
    met = "steps" not in what or report_steps()
    if "times" in what:
        met &= report_times(options.rounds)
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
