"""Weights of classes and tasks, and the mean over parts, steps and workers."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

import lossbook as lb

from ..backends import BACKENDS, array, numpy_of

LABELS = np.array([0, 0, 1, 2, 2, 2, 2])


@pytest.mark.parametrize("backend", BACKENDS)
def test_balanced_class_weights_are_those_of_scikit_learn(backend):
    from sklearn.utils.class_weight import compute_class_weight

    ours = lb.class_weights(array(backend, LABELS))
    theirs = compute_class_weight("balanced", classes=np.arange(3), y=LABELS)
    np.testing.assert_allclose(numpy_of(ours), theirs, rtol=1e-6)
    logits = array(backend, np.random.default_rng(0).normal(size=(7, 3)))
    lb.sparse_cross_entropy(
        array(backend, LABELS), logits, from_logits=True, class_weight=ours
    )


def test_class_weights_of_no_kind_are_ones():
    np.testing.assert_array_equal(lb.class_weights(LABELS, kind=None), [1, 1, 1])


def test_class_weights_of_an_image_count_its_pixels():
    np.testing.assert_array_equal(lb.class_weights([[0, 1], [0, 0]]), [2 / 3, 2])


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([0, 2, 2], ValueError, "no sample of class 1 of 3"),
        ([-1, 0, 1], ValueError, "ignore_index=-1"),
        ([0.0, 1.0], TypeError, "must be integers"),
        (np.array([], int), ValueError, "empty"),
    ],
)
def test_labels_that_cannot_be_weighted_are_refused(labels, error, message):
    with pytest.raises(error, match=message):
        lb.class_weights(labels)


@pytest.mark.parametrize("backend", BACKENDS)
def test_class_weights_know_how_many_classes_there_are(backend):
    labels = array(backend, np.array([0, 0, 0, 2, 255, 255]))
    got = lb.class_weights(labels, classes=4, ignore_index=255)
    np.testing.assert_allclose(numpy_of(got), [2 / 3, 0, 2, 0], rtol=1e-6)
    whole = lb.class_weights(labels, kind=None, classes=4, ignore_index=255)
    np.testing.assert_array_equal(numpy_of(whole), [1, 1, 1, 1])
    with pytest.raises(ValueError, match=r"labels must be 0 to 3.*ignore_index=255"):
        lb.class_weights(labels, classes=4)
    with pytest.raises(ValueError, match="nothing but ignore_index=1"):
        lb.class_weights([1, 1], classes=2, ignore_index=1)
    with pytest.raises(ValueError, match=r"Pass classes=\.\.\."):
        lb.class_weights(labels, ignore_index=255)
    for wrong in (0, -1, 2.0, True):
        with pytest.raises(ValueError, match="classes must be a positive whole"):
            lb.class_weights(labels, classes=wrong)


def test_an_unknown_kind_of_class_weights_is_refused():
    with pytest.raises(ValueError, match="'balanced' or None, got 'fair'"):
        lb.class_weights(LABELS, kind="fair")


@pytest.mark.parametrize("backend", BACKENDS)
def test_multitask_and_its_slopes_are_the_formula(backend):
    losses, s = np.array([4.0, 0.5, 0.0]), np.array([0.3, -1.0, -800.0])
    value = lb.multitask(array(backend, losses), array(backend, s))
    parts = 0.5 * (np.array([4 * np.exp(-0.3), 0.5 * np.e, 0]) + s)
    assert float(value) == pytest.approx(parts.sum())
    _, by_s = lb.value_and_grad(lb.multitask, argnum=1)(
        array(backend, losses), array(backend, s)
    )
    expected = 0.5 * (1 - np.array([4 * np.exp(-0.3), 0.5 * np.e, 0]))
    np.testing.assert_allclose(numpy_of(by_s), expected)
    _, by_loss = lb.value_and_grad(lb.multitask)(
        array(backend, losses[:2]), array(backend, s[:2])
    )
    np.testing.assert_allclose(numpy_of(by_loss), 0.5 * np.exp(-s[:2]))


@pytest.mark.parametrize("backend", BACKENDS)
def test_multitask_takes_lists_of_scalars_and_mixed_precision(backend):
    losses = [array(backend, np.float32(2.0)), array(backend, np.float16(1.0))]
    value = lb.multitask(losses, [0.0, 0.0])
    assert float(value) == 1.5
    assert numpy_of(value).dtype == np.float32


def test_the_best_log_variance_is_that_of_the_loss():
    _, slope = lb.value_and_grad(lb.multitask, argnum=1)([3.0], np.log([3.0]))
    np.testing.assert_allclose(slope, 0, atol=1e-15)


def test_multitask_says_what_is_wrong():
    with pytest.raises(ValueError, match="got 1 for 2 losses"):
        lb.multitask([1.0, 2.0], [0.0])
    with pytest.raises(ValueError, match=r'shape \(3,\).*reduction="mean"'):
        lb.multitask([np.ones(3)], [0.0])
    with pytest.raises(ValueError, match="got none"):
        lb.multitask([], [])


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_mean_over_unequal_parts_is_that_of_the_whole(backend):
    y, p = np.zeros(10), np.random.default_rng(0).normal(size=10)
    w = np.arange(10.0)
    parts = [slice(0, 2), slice(2, 3), slice(3, 10)]
    whole = lb.mse(array(backend, y), array(backend, p), sample_weight=w)
    sums = [
        lb.mse(
            array(backend, y[i]),
            array(backend, p[i]),
            sample_weight=array(backend, w[i]),
            reduction="sum",
        )
        for i in parts
    ]
    weights = [array(backend, w[i].sum()) for i in parts]
    assert float(lb.global_mean(sums, weights)) == pytest.approx(float(whole))
    means = [float(s) / float(v) for s, v in zip(sums, weights, strict=True)]
    assert np.mean(means) != pytest.approx(float(whole))
    accumulated = sum(float(lb.global_mean(s, weights)) for s in sums)
    assert accumulated == pytest.approx(float(whole))


@pytest.mark.parametrize("backend", BACKENDS)
def test_losses_may_come_unreduced(backend):
    losses, weights = array(backend, [2.0, 4.0]), array(backend, [1, 3])
    value, slope = lb.value_and_grad(lb.global_mean)(losses, weights)
    assert float(value) == 1.5
    np.testing.assert_array_equal(numpy_of(slope), [0.25, 0.25])


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_mean_of_what_weighs_nothing_is_0_with_slope_0(backend):
    for total in (0.0, np.inf):
        value, slope = lb.value_and_grad(lb.global_mean)(array(backend, total), [0, 0])
        assert float(value) == 0
        assert float(slope) == 0


def test_global_mean_says_what_is_wrong():
    with pytest.raises(ValueError, match="weight_sum must not be negative, got -1"):
        lb.global_mean(1.0, [2, -1])
    with pytest.raises(ValueError, match="empty list"):
        lb.global_mean([], [])
    with pytest.raises(TypeError, match="across_workers must be True or False"):
        lb.global_mean(1.0, 1, across_workers="no")


def run(script, *args):
    """Start a script of its own process, whose workers others must not see."""
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script), *args]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process):
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out


# Worker 0 has one row, worker 1 has three, in two steps of accumulation: the mean over
# the four rows must come out, and its gradient where DDP averages.
OF_TORCH = """
    import sys
    import torch
    import torch.distributed as dist
    from torch.nn.parallel import DistributedDataParallel
    import lossbook as lb

    rank = int(sys.argv[1])
    dist.init_process_group("gloo", f"file://{sys.argv[2]}", rank=rank, world_size=2)
    x = torch.tensor([[1.0], [2.0], [3.0], [5.0]])
    y = torch.tensor([1.0, 0.0, 2.0, 7.0])
    model = torch.nn.Linear(1, 1)
    with torch.no_grad():
        model.weight.fill_(0.5)
        model.bias.fill_(0.1)
    parallel = DistributedDataParallel(model)
    steps = ([0], []) if rank == 0 else ([1], [2, 3])
    counts = [len(rows) for rows in steps]

    def loss_sum(network, rows):
        e = y[rows] - network(x[rows])[:, 0]
        return (e * e).sum()

    with parallel.no_sync():
        first = lb.global_mean(loss_sum(parallel, steps[0]), counts)
        first.backward()
    second = lb.global_mean(loss_sum(parallel, steps[1]), counts)
    second.backward()
    alone = lb.global_mean(torch.tensor(6.0), 2, across_workers=False)
    assert alone == 3

    import copy
    single = copy.deepcopy(model)
    single.zero_grad()
    whole = lb.mse(y, single(x)[:, 0])
    whole.backward()
    torch.testing.assert_close(first + second, whole)
    torch.testing.assert_close(model.weight.grad, single.weight.grad)
    torch.testing.assert_close(model.bias.grad, single.bias.grad)
    both = lb.global_mean([loss_sum(model, rows) for rows in steps if rows], counts)
    torch.testing.assert_close(both, whole)
    dist.destroy_process_group()
    print("agreed")
"""


def test_two_workers_of_torch_get_the_mean_and_gradient_of_one(tmp_path):
    workers = [run(OF_TORCH, str(rank), str(tmp_path / "store")) for rank in (0, 1)]
    assert [finish(worker) for worker in workers] == ["agreed\n"] * 2


OF_TENSORFLOW = """
    import numpy as np
    import tensorflow as tf
    import lossbook as lb

    cpu = tf.config.list_physical_devices("CPU")[0]
    half = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [half, half])
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    y, p = tf.constant([1.0, 0.0, 2.0, 7.0]), tf.constant([0.5, 2.0, 3.0, 5.0])
    with strategy.scope():
        scale = tf.Variable(1.5, aggregation=tf.VariableAggregation.SUM)
        alone = lb.global_mean([6.0], tf.constant(2.0))  # outside of any replica
    assert float(alone) == 3

    def step(mask):
        with tf.GradientTape() as tape:
            total = lb.mse(y, scale * p, sample_weight=mask, reduction="sum")
            loss = lb.global_mean(total, tf.reduce_sum(mask))
        slope = tape.gradient(loss, scale)
        context = tf.distribute.get_replica_context()
        return loss, context.all_reduce(tf.distribute.ReduceOp.SUM, slope)

    masks = [[1.0, 0, 0, 0], [0.0, 1, 1, 1]]
    shares = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(masks[context.replica_id_in_sync_group])
    )
    whole, expected = lb.value_and_grad(lambda s: lb.mse(y, s * p))(tf.constant(1.5))
    for call in (strategy.run, tf.function(strategy.run, autograph=False)):
        losses, slopes = call(step, args=(shares,))
        for loss in strategy.experimental_local_results(losses):
            np.testing.assert_allclose(loss, whole, rtol=1e-6)
        for slope in strategy.experimental_local_results(slopes):
            np.testing.assert_allclose(slope, expected, rtol=1e-6)
    print("agreed")
"""


def test_two_replicas_of_tensorflow_get_the_mean_and_gradient_of_one():
    assert finish(run(OF_TENSORFLOW)).endswith("agreed\n")
