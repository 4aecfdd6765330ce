"""The losses as ``keras.losses.Loss`` classes, for Keras on TensorFlow or PyTorch.

>>> from lossbook.adapters.keras import Huber  # doctest: +SKIP
>>> model.compile(optimizer="adam", loss=Huber(delta=0.5))  # doctest: +SKIP

They take what Keras's own losses take where nothing is repeated: targets (n,) for
outputs (n, 1), labels (n, 1), and 0/1 labels in `Hinge` and `SquaredHinge`. A
`sample_weight` means what it means in lossbook's functions: one a sample, the leading
axes of the outputs, or one an element. A class that bears a name of ``keras.losses``
has the defaults of that class.

Of labels (n, T), one a step of time, ``fit(class_weight=)`` makes one weight a sample,
because Keras takes two axes for one-hot labels: give the loss its own `class_weight`.

`Dice` and `Tversky` have no `smooth` by default, as in Keras, but one loss a mask,
where Keras has one a batch, in which sample weights can choose nothing; `axis` is that
of the classes; and alpha weighs false alarms, as Keras's documentation says, where
Keras 3.15 weighs misses.

`GaussianNLL`, `MarginRanking`, `Triplet` and `InfoNCE` take several predicted arrays,
packed along an axis of y_pred: mean and variance (..., 2), the scores of a pair
(..., 2), three embeddings (n, 3, d), or query and key (n, 2, d).

`linear_cross_entropy` has no class here: it takes the weights of the last layer, which
Keras hands to no loss, and does not train where a loss keeps them for itself. Call the
function in a training step of your own.

A saved model knows its loss by name. Import this module before
``keras.saving.load_model``, or load with ``compile=False`` where the model is only to
predict.

Give Keras these classes, not the functions: ``compile(loss=lossbook.mse)`` trains, but
Keras sees one number a batch and multiplies it by the mean of the weights, so that
sample_weight, class_weight and masks choose nothing. A function cannot notice it.
"""

from lossbook.adapters.keras_classes import CLASSES

globals().update(CLASSES)

__all__ = sorted(CLASSES)


def __dir__() -> list[str]:
    return __all__
