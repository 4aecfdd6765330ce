"""Linear cross-entropy: the plain form's numbers, without the plain form's memory."""

import tracemalloc

import ml_dtypes
import numpy as np
import pytest

import lossbook as lb

from ..backends import BACKENDS, array, numpy_of

RNG = np.random.default_rng(9)
ROWS, WIDTH, CLASSES, IGNORED = 7, 5, 11, 2
HIDDEN, WEIGHT = RNG.normal(size=(ROWS, WIDTH)), RNG.normal(size=(CLASSES, WIDTH))
BIAS = RNG.normal(size=CLASSES)
LABELS = np.array([3, 0, 2, 10, 2, 7, 7])
SHARES = RNG.uniform(0.5, 2, ROWS)
FACTORS = np.arange(1.0, ROWS + 1)


def plain(hidden, weight, bias=None, **options):
    """The same loss of all logits, on NumPy."""
    logits = hidden @ weight.T
    logits = logits if bias is None else logits + bias
    return lb.sparse_cross_entropy(LABELS, logits, from_logits=True, **options)


def scalar(loss, factors):
    """One number of it, with an upstream gradient that is not 1."""
    return (loss * factors).sum() if len(loss.shape) else loss * 3


@pytest.mark.parametrize("ignore", [None, IGNORED])
@pytest.mark.parametrize("weights", [None, SHARES])
@pytest.mark.parametrize("reduction", ["mean", "sum", "sum_over_batch_size", "none"])
@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_value_and_gradients_are_those_of_all_logits(
    backend, reduction, weights, ignore
):
    how = {"ignore_index": ignore, "sample_weight": weights, "reduction": reduction}
    exact, theirs = lb.value_and_grad(
        lambda a: scalar(plain(a[0], a[1], a[2], **how), FACTORS)
    )([HIDDEN, WEIGHT, BIAS])
    for chunk in (1, 3, 7, None):

        def ours(a, chunk=chunk):
            loss = lb.linear_cross_entropy(
                a[0], a[1], LABELS, a[2], chunk_size=chunk, **how
            )
            return scalar(loss, array(backend, FACTORS))

        args = [array(backend, x) for x in (HIDDEN, WEIGHT, BIAS)]
        value, grads = lb.value_and_grad(ours)(args)
        np.testing.assert_allclose(float(value), exact, rtol=1e-13)
        for a, b in zip(grads, theirs, strict=True):
            np.testing.assert_allclose(numpy_of(a), b, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("ignore", [None, IGNORED])
@pytest.mark.parametrize("weights", [None, SHARES])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("how", ["eager", "graph", "unknown sizes", "xla"])
def test_tensorflow_has_them_too(how, reduction, weights, ignore):
    import tensorflow as tf

    options = {"ignore_index": ignore, "sample_weight": weights, "reduction": reduction}
    exact, theirs = lb.value_and_grad(
        lambda a: scalar(plain(a[0], a[1], a[2], **options), FACTORS)
    )([HIDDEN, WEIGHT, BIAS])

    def ours(hidden, weight, bias, labels):
        inputs = [hidden, weight, bias]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = lb.linear_cross_entropy(
                hidden, weight, labels, bias, chunk_size=3, **options
            )
            total = tf.reduce_sum(loss * FACTORS) if loss.shape.rank else loss * 3
        return total, tape.gradient(total, inputs)

    args = [tf.constant(x) for x in (HIDDEN, WEIGHT, BIAS, LABELS)]
    if how == "unknown sizes":
        specs = [tf.TensorSpec((None, *x.shape[1:]), x.dtype) for x in args]
        ours = tf.function(ours, input_signature=specs, autograph=False)
    elif how != "eager":
        ours = tf.function(ours, autograph=False, jit_compile=how == "xla")
    value, grads = ours(*args)
    np.testing.assert_allclose(value, exact, rtol=1e-13)
    for a, b in zip(grads, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)


CLASS_WEIGHT = RNG.uniform(0.5, 2, CLASSES) * (np.arange(CLASSES) != 7)
TERMS = [
    {"softcap": 2.0},
    {"label_smoothing": 0.2, "class_weight": CLASS_WEIGHT},
    {"class_weight": CLASS_WEIGHT},
    {"z_loss": 0.1, "class_weight": CLASS_WEIGHT},
    {
        "label_smoothing": 0.2,
        "z_loss": 0.1,
        "softcap": 2.0,
        "class_weight": CLASS_WEIGHT,
    },
]
each_term = pytest.mark.parametrize("terms", TERMS, ids=lambda t: "+".join(t))


def with_terms(hidden, weight, bias, softcap=None, z_loss=0.0, **options):
    """Each loss of all logits, with what can be added to it; and what each weighs."""
    logits = hidden @ weight.T + bias
    if softcap:
        logits = softcap * np.tanh(logits / softcap)
    each = lb.sparse_cross_entropy(
        LABELS, logits, from_logits=True, reduction="none", ignore_index=IGNORED,
        **options,
    )  # fmt: skip
    level = np.log(np.sum(np.exp(logits), axis=1))
    factor = np.asarray(options.get("class_weight", np.ones(CLASSES)))[LABELS]
    kept = (LABELS != IGNORED) * SHARES
    return kept * (each + z_loss * level * level), np.sum(kept * factor)


@each_term
@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_added_is_that_of_all_logits(backend, reduction, terms):
    def theirs(a):
        each, weight = with_terms(*a, **terms)
        mean = np.sum(each) / weight
        return scalar(mean if reduction == "mean" else each, FACTORS)

    exact, slopes = lb.value_and_grad(theirs)([HIDDEN, WEIGHT, BIAS])
    how = {"ignore_index": IGNORED, "sample_weight": SHARES, "reduction": reduction}
    args = [array(backend, x) for x in (HIDDEN, WEIGHT, BIAS)]
    for chunk in (3, None):

        def ours(a, chunk=chunk):
            loss = lb.linear_cross_entropy(
                a[0], a[1], LABELS, a[2], chunk_size=chunk, **how, **terms
            )
            times = array(backend, FACTORS)
            if backend == "tensorflow":
                import tensorflow as tf

                return tf.reduce_sum(loss * times) if loss.shape.rank else loss * 3
            return scalar(loss, times)

        value, grads = lb.value_and_grad(ours)(args)
        np.testing.assert_allclose(float(value), exact, rtol=1e-13)
        for a, b in zip(grads, slopes, strict=True):
            np.testing.assert_allclose(numpy_of(a), b, rtol=1e-11, atol=1e-14)


def test_what_is_added_survives_transforms_graphs_and_half_precision():
    import tensorflow as tf
    import torch

    terms = TERMS[-1]

    def loss(h, w, b, labels=LABELS, **how):
        return lb.linear_cross_entropy(h, w, labels, b, chunk_size=3, **how, **terms)

    h, w, b, labels = constants()
    given = {**terms, "class_weight": torch.tensor(CLASS_WEIGHT)}

    def plain(h, w=w, b=b):
        return lb.linear_cross_entropy(h, w, labels, b, **given)

    value, slope = lb.value_and_grad(loss)(HIDDEN, WEIGHT, BIAS)
    torch.testing.assert_close(torch.func.grad(plain)(h), torch.tensor(slope))
    compiled = torch.compile(plain, fullgraph=True, backend="aot_eager")
    found = lb.value_and_grad(compiled)(h)
    torch.testing.assert_close(found, (torch.tensor(value), torch.tensor(slope)))
    second = torch.autograd.functional.hessian(plain, h)
    expected = torch.func.jacfwd(torch.func.grad(plain))(h)
    torch.testing.assert_close(second, expected)
    args = [tf.constant(x) for x in (HIDDEN, WEIGHT, BIAS)]
    graph = tf.function(lb.value_and_grad(loss), autograph=False, jit_compile=True)
    for a, b_ in zip(graph(*args), (value, slope), strict=True):
        np.testing.assert_allclose(a, b_, rtol=1e-12, atol=1e-14)
    half = [x.bfloat16().requires_grad_() for x in (h, w, b)]
    wide = [x.detach().double().requires_grad_() for x in half]
    ours, theirs = loss(*half), loss(*wide)
    torch.testing.assert_close(ours.double(), theirs, rtol=2e-6, atol=2e-6)
    ours.backward(), theirs.backward()
    for x, exact in zip(half, wide, strict=True):
        bound = {"rtol": 0.51 * torch.finfo(x.dtype).eps, "atol": 1e-6}
        torch.testing.assert_close(x.grad.double(), exact.grad, **bound)


@pytest.mark.parametrize("backend", BACKENDS)
def test_wrong_terms_are_refused_by_name(backend):
    args = [array(backend, x) for x in (HIDDEN, WEIGHT, LABELS)]
    wrong = {
        "softcap": (0, -1.0, np.nan, True, "30"),
        "z_loss": (-1e-4, np.inf, None, True),
        "label_smoothing": (-0.1, 1.1, None),
        "class_weight": ([1.0], [-1.0] * CLASSES, "balanced"),
    }
    for name, values in wrong.items():
        for value in values:
            with pytest.raises((ValueError, TypeError), match=name):
                lb.linear_cross_entropy(*args, **{name: value})


@pytest.mark.parametrize("backend", BACKENDS)
def test_without_a_bias_and_with_leading_axes(backend):
    hidden, labels = np.stack([HIDDEN] * 2), np.stack([LABELS] * 2)
    args = [array(backend, x) for x in (hidden, WEIGHT, labels)]
    each = lb.linear_cross_entropy(*args, chunk_size=4, reduction="none")
    expected = plain(HIDDEN, WEIGHT, reduction="none")
    np.testing.assert_allclose(numpy_of(each), np.stack([expected] * 2), rtol=1e-13)
    _, slope = lb.value_and_grad(lb.linear_cross_entropy)(*args)
    _, theirs = lb.value_and_grad(plain)(HIDDEN, WEIGHT)
    np.testing.assert_allclose(numpy_of(slope)[1], theirs / 2, rtol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_if_all_labels_are_ignored_loss_and_gradients_are_0(backend, reduction):
    args = [array(backend, x) for x in (HIDDEN * np.nan, WEIGHT, 0 * LABELS - 1)]
    how = {"ignore_index": -1, "reduction": reduction}
    loss = lb.linear_cross_entropy(*args, **how)
    np.testing.assert_array_equal(numpy_of(loss), 0)
    how["reduction"] = "mean" if reduction == "none" else reduction
    for k in (0, 1):
        _, grad = lb.value_and_grad(lb.linear_cross_entropy, argnum=k)(*args, **how)
        np.testing.assert_array_equal(numpy_of(grad), 0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_does_not_count_cannot_spoil_the_rest(backend):
    spoiled = HIDDEN.copy()
    spoiled[LABELS == IGNORED] = np.nan
    loss = lb.value_and_grad(lb.linear_cross_entropy, argnum=1)
    clean, spoilt = (
        loss(
            *(array(backend, x) for x in (h, WEIGHT, LABELS)),
            ignore_index=IGNORED,
            chunk_size=2,
        )
        for h in (HIDDEN, spoiled)
    )
    for a, b in zip(clean, spoilt, strict=True):
        np.testing.assert_array_equal(numpy_of(a), numpy_of(b))


@pytest.mark.parametrize("backend", BACKENDS)
def test_nan_is_seen_where_it_counts(backend):
    args = [array(backend, x) for x in (HIDDEN * np.nan, WEIGHT, LABELS)]
    assert np.isnan(numpy_of(lb.linear_cross_entropy(*args)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_it_is_right_far_out_and_where_a_class_is_ruled_out(backend):
    hidden = np.array([[1e4, 0.0], [0.0, 1e4]], np.float32)
    bias = np.array([0, 0, -np.inf], np.float32)
    args = [array(backend, x) for x in (hidden, np.eye(3, 2, dtype="f"), [0, 0], bias)]
    each = lb.linear_cross_entropy(*args, reduction="none")
    np.testing.assert_allclose(numpy_of(each), [0, 1e4])
    _, grad = lb.value_and_grad(lb.linear_cross_entropy, argnum=3)(*args)
    np.testing.assert_allclose(numpy_of(grad), [-0.5, 0.5, 0])


def tensors(dtype=None):
    import torch

    inputs = [torch.tensor(x, dtype=dtype) for x in (HIDDEN, WEIGHT, BIAS)]
    return [x.requires_grad_() for x in inputs], torch.tensor(LABELS)


def constants():
    """Return the same tensors without a gradient."""
    layer, labels = tensors()
    return *(x.detach() for x in layer), labels


def test_a_graph_that_is_used_twice_gives_the_same_gradients_twice():
    (h, w, b), labels = tensors()
    loss = lb.linear_cross_entropy(h, w, labels, b, chunk_size=3)
    loss.backward(retain_graph=True)
    once = [x.grad.clone() for x in (h, w, b)]
    (5 * loss).backward()
    for x, first in zip((h, w, b), once, strict=True):
        np.testing.assert_allclose(x.grad, 6 * first, rtol=1e-12)


def test_a_loss_that_occurs_twice_counts_twice():
    import torch

    (h, w, b), labels = tensors()
    loss = lb.linear_cross_entropy(h, w, labels, b)
    twice = torch.autograd.grad(loss + 2 * loss, w, retain_graph=True)[0]
    again = torch.autograd.grad(loss, w)[0]
    np.testing.assert_allclose(twice, 3 * again, rtol=1e-12)


def test_gradients_that_nobody_wants_are_not_computed(monkeypatch):
    import torch

    from lossbook.backends.torch import linear as kernels

    (h, w, b), labels = tensors()
    asked = []
    run = kernels.run

    def spy(*args):
        asked.append(args[-1])
        return run(*args)

    monkeypatch.setattr(kernels, "run", spy)
    with torch.no_grad():
        lb.linear_cross_entropy(h, w, labels, b)
    lb.linear_cross_entropy(h, w.detach(), labels, b.detach()).backward()
    assert asked == [[False, False, False], [True, False, False]]


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_second_derivatives_in_torch_are_those_of_all_logits(reduction):
    import torch

    def curvature(loss):
        (h, w, b), labels = tensors()
        value = scalar(loss(h, w, labels, b), torch.tensor(FACTORS))
        grads = torch.autograd.grad(value, (h, w, b), create_graph=True)
        return torch.autograd.grad(sum((g * g).sum() for g in grads), (h, w, b))

    def ours(h, w, labels, b):
        return lb.linear_cross_entropy(h, w, labels, b, reduction=reduction)

    def theirs(h, w, labels, b):
        return lb.sparse_cross_entropy(
            labels, h @ w.T + b, from_logits=True, reduction=reduction
        )

    for a, b in zip(curvature(ours), curvature(theirs), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_second_derivatives_in_tensorflow_are_those_of_all_logits(reduction):
    import tensorflow as tf

    def curvature(loss):
        args = [tf.constant(x) for x in (HIDDEN, WEIGHT, BIAS)]
        with tf.GradientTape() as outer:
            outer.watch(args)
            with tf.GradientTape() as inner:
                inner.watch(args)
                value = tf.reduce_sum(loss(*args) * FACTORS)
            grads = inner.gradient(value, args)
            size = tf.add_n([tf.reduce_sum(g * g) for g in grads])
        return outer.gradient(size, args)

    def ours(h, w, b):
        return lb.linear_cross_entropy(h, w, LABELS, b, reduction=reduction)

    def theirs(h, w, b):
        logits = tf.matmul(h, w, transpose_b=True) + b
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(LABELS, logits)
        return each if reduction == "none" else tf.reduce_mean(each)

    for a, b in zip(curvature(ours), curvature(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


def test_transforms_and_compilation_of_torch():
    import torch

    h, w, b, labels = constants()
    value, expected = lb.value_and_grad(lb.linear_cross_entropy)(h, w, labels, b)
    found = torch.func.grad(lb.linear_cross_entropy)(h, w, labels, b)
    torch.testing.assert_close(found, expected)
    two = torch.func.vmap(lambda h: lb.linear_cross_entropy(h, w, labels, b))
    torch.testing.assert_close(two(torch.stack([h, h])), torch.stack([value, value]))

    @torch.compile(fullgraph=True, backend="aot_eager")
    def compiled(h):
        return lb.linear_cross_entropy(h, w, labels, b, chunk_size=3)

    torch.testing.assert_close(lb.value_and_grad(compiled)(h), (value, expected))


@pytest.mark.parametrize("half", ["bfloat16", "float16"])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_half_precision_in_torch_adds_up_in_float32(half, reduction):
    import torch

    (h, w, b), labels = tensors(getattr(torch, half))
    wide = [x.detach().double().requires_grad_() for x in (h, w, b)]
    ours = lb.linear_cross_entropy(h, w, labels, b, None, 2, reduction=reduction)
    logits = wide[0] @ wide[1].T + wide[2]
    theirs = torch.nn.functional.cross_entropy(logits, labels, reduction=reduction)
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours.double(), theirs, rtol=2e-6, atol=2e-6)
    ours.sum().backward()
    theirs.sum().backward()
    for x, exact in zip((h, w, b), wide, strict=True):
        assert x.grad.dtype == getattr(torch, half)
        # Rounded once: half a unit in the last place, and no more.
        bound = {"rtol": 0.51 * torch.finfo(x.dtype).eps, "atol": 1e-7}
        torch.testing.assert_close(x.grad.double(), exact.grad, **bound)


def test_a_loss_scale_arrives_before_a_gradient_of_float16_is_rounded():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    n, scale = 65_536, 2.0**16  # each row weighs 1.5e-5, near the end of float16
    h, w = torch.randn(n, 8).half(), (torch.randn(100, 8) * 0.02).half()
    h, w = h.requires_grad_(), w.requires_grad_()
    labels = torch.randint(0, 90, (n,))  # some rows of w are never a label
    (scale * lb.linear_cross_entropy(h, w, labels)).backward()
    wide = [x.detach().double().requires_grad_() for x in (h, w)]
    logits = wide[0] @ wide[1].T
    torch.nn.functional.cross_entropy(logits, labels).backward()
    for ours, exact in zip((h, w), wide, strict=True):
        off = ours.grad.double() / scale - exact.grad
        assert off.norm() < 3e-4 * exact.grad.norm()


def test_half_precision_elsewhere_is_computed_in_float32():
    import tensorflow as tf

    for make in (
        lambda x: x.astype(ml_dtypes.bfloat16),
        lambda x: tf.cast(x, "bfloat16"),
    ):
        h, w = make(HIDDEN), make(WEIGHT)
        loss = lb.linear_cross_entropy(h, w, LABELS)
        wide = [np.asarray(x).astype(np.float64) for x in (h, w)]
        assert numpy_of(loss).dtype == np.float32
        np.testing.assert_allclose(float(loss), float(plain(*wide)), rtol=1e-6)


def test_hidden_states_of_half_precision_with_a_full_weight_keep_the_weight():
    import torch

    (h, w, b), labels = tensors(torch.float32)
    half = h.detach().bfloat16().requires_grad_()
    ours = lb.linear_cross_entropy(half, w, labels, b)
    theirs = lb.linear_cross_entropy(half.detach().float(), w, labels, b)
    torch.testing.assert_close(ours, theirs)
    ours.backward()
    assert half.grad.dtype == torch.bfloat16


MANY, LARGE = 256, 2_000


def test_torch_never_holds_all_logits():
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    sizes = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, op, types, args=(), kwargs=None):
            out = op(*args, **(kwargs or {}))
            sizes.extend(x.numel() for x in tree_leaves(out) if hasattr(x, "numel"))
            return out

    for dtype in (torch.float32, torch.bfloat16):
        h = torch.randn(MANY, 4, dtype=dtype, requires_grad=True)
        w = torch.randn(LARGE, 4, dtype=dtype, requires_grad=True)
        labels = torch.randint(LARGE, (MANY,))
        for reduction in ("mean", "none"):
            sizes.clear()
            with Watch():
                loss = lb.linear_cross_entropy(
                    h, w, labels, chunk_size=8, reduction=reduction
                )
                loss.sum().backward()
            assert LARGE < max(sizes) <= 8 * LARGE


def test_numpy_never_holds_all_logits():
    h, w = np.ones((MANY, 4), np.float32), np.ones((LARGE, 4), np.float32)
    labels = np.zeros(MANY, int)
    loss = lb.value_and_grad(lb.linear_cross_entropy, argnum=1)
    tracemalloc.start()
    try:
        loss(h, w, labels, chunk_size=8)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MANY * LARGE * 4 / 5


def test_the_default_chunk_grows_with_the_weight():
    from lossbook.backends import numpy as xp
    from lossbook.losses.linear_cross_entropy import _default_chunk

    def rows(classes, width):
        return _default_chunk(xp, np.broadcast_to(np.float32(0), (classes, width)))

    assert rows(32_000, 256) == 262
    assert rows(128_256, 4096) == 256
    assert rows(10**8, 4) == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_does_not_fit_is_named(backend):
    h, w, y, b = (array(backend, x) for x in (HIDDEN, WEIGHT, LABELS, BIAS))
    turned = array(backend, WEIGHT.T)
    loss = lb.linear_cross_entropy
    with pytest.raises(ValueError, match=r"hidden \(7, 5\).*weight \(5, 11\)\. Pass w"):
        loss(h, turned, y)
    with pytest.raises(ValueError, match=r"hidden \(7, 4\) and weight \(11, 5\)\.$"):
        loss(h[:, :4], w, y)
    with pytest.raises(ValueError, match=r"labels \(6,\) and hidden without its last"):
        loss(h, w, y[:6])
    with pytest.raises(ValueError, match=r"labels must hold labels 0 to 10"):
        loss(h, w, y + 1)
    with pytest.raises(ValueError, match=r"ignore_index=\.\.\."):
        loss(h, w, y - 3)
    with pytest.raises(
        TypeError, match=r"labels must be integers, got dtype .*float64"
    ):
        loss(h, w, array(backend, LABELS.astype(float)))
    with pytest.raises(ValueError, match=r"bias must have .* shape \(11,\), got shape"):
        loss(h, w, y, b[:5])
    with pytest.raises(ValueError, match="is empty"):
        loss(h[:0], w, y[:0])
    with pytest.raises(ValueError, match="sample_weight must have"):
        loss(h, w, y, sample_weight=np.ones((7, 2)))
    with pytest.raises(ValueError, match="sample_weight must not be negative"):
        loss(h, w, y, sample_weight=-np.ones(7))
    with pytest.raises(ValueError, match="reduction must be one of"):
        loss(h, w, y, reduction="avg")
    with pytest.raises(TypeError, match="ignore_index must be"):
        loss(h, w, y, ignore_index=1.0)
    for chunk in (0, -1, 2.0, True):
        with pytest.raises(ValueError, match="chunk_size must be a positive whole"):
            loss(h, w, y, chunk_size=chunk)


@pytest.mark.parametrize("backend", BACKENDS)
def test_rows_of_classes_that_weigh_nothing_have_no_z_loss_either(backend):
    h, w = (array(backend, np.ones((n, 1))) for n in (4, 2))
    options = {"class_weight": [0.0, 1.0], "z_loss": 0.1}
    assert float(lb.linear_cross_entropy(h, w, np.zeros(4, int), **options)) == 0


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_torch_compile_makes_one_graph_for_all_numbers_of_rows(dtype):
    import torch
    from torch._dynamo.testing import CompileCounterWithBackend

    def loss(h, labels):
        return lb.linear_cross_entropy(h, w, labels, **TERMS[-1])

    torch.compiler.reset()
    graphs = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(loss, fullgraph=True, backend=graphs)
    _, w, _, _ = constants()
    w = w.to(getattr(torch, dtype))
    for rows in (4, 9, 7, 33, 5):
        h = torch.linspace(-1, 1, rows * w.shape[1]).reshape(rows, -1).to(w.dtype)
        labels = torch.arange(rows) % len(w)
        torch.testing.assert_close(
            lb.value_and_grad(compiled)(h, labels), lb.value_and_grad(loss)(h, labels)
        )
    assert graphs.frame_count == 2  # the first with its rows, then one for any


@pytest.mark.parametrize("transform", ["grad", "jacfwd", "jacrev", "jvp", "vmap"])
def test_torch_compile_takes_it_inside_a_transform_of_torch_func(transform):
    import torch

    h, w, b, labels = constants()
    terms = {**TERMS[-1], "class_weight": torch.tensor(CLASS_WEIGHT)}

    def loss(h):
        return lb.linear_cross_entropy(h, w, labels, b, **terms)

    def transformed(h):
        if transform == "jvp":
            return torch.func.jvp(loss, (h,), (h + 1,))
        if transform == "vmap":
            return torch.func.vmap(loss)(torch.stack([h, 2 * h]))
        return getattr(torch.func, transform)(loss)(h)

    torch.compiler.reset()
    compiled = torch.compile(transformed, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(h), transformed(h))


def test_compiled_it_refuses_dual_numbers_with_the_remedy():
    import torch
    from torch.autograd import forward_ad

    h, w, b, labels = constants()
    torch.compiler.reset()
    compiled = torch.compile(
        lambda h: lb.linear_cross_entropy(h, w, labels, b), backend="aot_eager"
    )
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(h, torch.ones_like(h))
        with pytest.raises(NotImplementedError, match=r"torch\.func\.jvp inside"):
            compiled(dual)
