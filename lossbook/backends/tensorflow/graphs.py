"""TensorFlow graphs of losses that are called eagerly: few, and never one a step.

Called op by op, a loss costs TensorFlow two to three times as much as in one graph. A
graph belongs to a function, to what is asked of it and to the values of its parameters,
which are constants in it. It is made when the same are met for the second time. Once a
function has come with more values than `PATIENCE`, a parameter of it changes with the
steps: then one graph takes the parameters as inputs and serves all values.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

Array = Any

PATIENCE = 4  # values of the parameters of one function that get a graph each
ROOM = 512  # functions, with all that distinguishes them, that are remembered


class _Function:
    """What is known of one function: the values met, and the graphs made."""

    def __init__(self) -> None:
        self.met: set[Any] = set()
        self.graphs: dict[Any, Callable[..., Array]] = {}


class Graphs:
    """The graphs of all functions, the least used forgotten first."""

    def __init__(self) -> None:
        self.functions: OrderedDict[Any, _Function] = OrderedDict()

    def __len__(self) -> int:
        return sum(len(function.graphs) for function in self.functions.values())

    def call(
        self,
        key: Any,
        with_these: Callable[[Mapping[str, Any]], Callable[..., Array]],
        inputs: Sequence[Array],
        parameters: Mapping[str, Any],
    ) -> Array:
        """Call what `with_these` makes of the parameters, in a graph if it pays.

        Parameters
        ----------
        key : hashable
            The function object and what else tells it from others.
        with_these : callable
            Takes the parameters, returns a function of the inputs.
        inputs : sequence of tensors
        parameters : mapping
            Numbers by name.
        """
        if not tf.executing_eagerly():
            # In a branch of tf.cond a derivative of ours loses track of its inputs.
            return with_these(parameters)(*map(tf.identity, inputs))
        kinds = tuple((x.dtype, len(x.shape)) for x in inputs)
        function = self._of((key, tuple(parameters), kinds))
        values = tuple(parameters.values())
        if values in function.graphs:
            return function.graphs[values](*inputs)
        if len(function.met) > PATIENCE:
            return self._with_inputs(function, with_these, inputs, parameters)
        if values not in function.met:  # the first time it is not worth a graph
            function.met.add(values)
            return with_these(parameters)(*inputs)
        function.graphs[values] = _graph(with_these(dict(parameters)))
        return function.graphs[values](*inputs)

    def _of(self, key: Any) -> _Function:
        if key not in self.functions:
            self.functions[key] = _Function()
            if len(self.functions) > ROOM:
                self.functions.popitem(last=False)
        self.functions.move_to_end(key)
        return self.functions[key]

    @staticmethod
    def _with_inputs(
        function: _Function,
        with_these: Callable[[Mapping[str, Any]], Callable[..., Array]],
        inputs: Sequence[Array],
        parameters: Mapping[str, Any],
    ) -> Array:
        """Call the one graph that takes the parameters as inputs."""
        names = tuple(parameters)

        def apply(values: Sequence[Array], given: Sequence[Array]) -> Array:
            # The derivative is by the values alone.
            constants = [tf.stop_gradient(x) for x in given]
            return with_these(dict(zip(names, constants, strict=True)))(*values)

        if names not in function.graphs:
            function.graphs[names] = _graph(apply)
        given = [tf.constant(value, inputs[-1].dtype) for value in parameters.values()]
        return function.graphs[names](list(inputs), given)


def _graph(function: Callable[..., Array]) -> Callable[..., Array]:
    made: Callable[..., Array] = tf.function(
        function, autograph=False, reduce_retracing=True
    )
    return made


GRAPHS = Graphs()
