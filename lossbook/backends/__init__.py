"""One module a framework, each with the same primitives under the same names.

A loss is written once, in these primitives. The interface, by example of `numpy.py`:

- arrays: ``owns asarray to_float cast to_index is_integer dtype_name shape size reshape
  expand_dims zeros_like stop_gradient fitting``
- elementwise: ``abs sign exp expm1 log log1p sqrt square tanh sinh sigmoid softplus
  minimum maximum clip where isinf power times over xlogy xlog1py``
- along an axis: ``sum mean max log_softmax take_labels positions one_hot moveaxis``,
  and ``matmul``
- checks: ``range_of`` (smallest and largest value, or None where it is not known)
- gradients: ``with_slope`` (a formula with a derivative written by hand)
- ``KERNELS``: fused forms of whole losses, by the loss's name; ``LINEAR``: those of
  linear_cross_entropy, in ``lossbook/_linear/``
"""
