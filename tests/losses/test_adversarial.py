"""The five games: values and slopes of both players, and the penalty on the critic."""

import numpy as np
import pytest

import lossbook as lb

from ..backends import BACKENDS, array, jax, numpy_of

KINDS = ("minimax", "non_saturating", "least_squares", "wasserstein", "hinge")
REAL, FAKE = np.array([-1.5, 0.3, 2.0]), np.array([-2.0, -0.4, 0.6])


def softplus(x):
    return np.logaddexp(0, x)


DISCRIMINATOR = {
    "minimax": lambda s, f: softplus(-s) + softplus(f),
    "non_saturating": lambda s, f: softplus(-s) + softplus(f),
    "least_squares": lambda s, f: ((s - 1) ** 2 + f**2) / 2,
    "wasserstein": lambda s, f: f - s,
    "hinge": lambda s, f: np.maximum(0, 1 - s) + np.maximum(0, 1 + f),
}
GENERATOR = {
    "minimax": lambda f: -softplus(f),
    "non_saturating": lambda f: softplus(-f),
    "least_squares": lambda f: (f - 1) ** 2 / 2,
    "wasserstein": lambda f: -f,
    "hinge": lambda f: -f,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_both_players_have_the_losses_of_their_game(backend, kind):
    real, fake = array(backend, REAL), array(backend, FAKE)
    of_pairs = lb.gan_discriminator(real, fake, kind=kind, reduction="none")
    np.testing.assert_allclose(numpy_of(of_pairs), DISCRIMINATOR[kind](REAL, FAKE))
    made = lb.gan_generator(fake, kind=kind, reduction="none")
    np.testing.assert_allclose(numpy_of(made), GENERATOR[kind](FAKE))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_slopes_are_those_of_differences(backend, kind):
    real, fake = array(backend, REAL), array(backend, FAKE)

    def of_real(x):
        return lb.gan_discriminator(x, fake, kind=kind)

    def of_fake(x):
        return lb.gan_discriminator(real, x, kind=kind)

    def of_made(x):
        return lb.gan_generator(x, kind=kind)

    assert lb.check_gradient(of_real, real) < 1e-6
    assert lb.check_gradient(of_fake, fake) < 1e-6
    assert lb.check_gradient(of_made, fake) < 1e-6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_all_is_finite_far_out(backend, kind):
    far = array(backend, np.array([-1e4, 1e4], np.float32))
    for loss, args in ((lb.gan_discriminator, (far, far)), (lb.gan_generator, (far,))):
        value, slope = lb.value_and_grad(loss)(*args, kind=kind)
        assert np.isfinite(float(value))
        assert np.isfinite(numpy_of(slope)).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_real_and_fake_batches_may_differ_in_size(backend):
    real, fake = array(backend, REAL), array(backend, FAKE[:2])
    loss = lb.gan_discriminator(real, fake, kind="wasserstein")
    assert float(loss) == pytest.approx(FAKE[:2].mean() - REAL.mean())
    total = lb.gan_discriminator(real, fake, kind="wasserstein", reduction="sum")
    assert float(total) == pytest.approx(FAKE[:2].sum() - REAL.sum())
    with pytest.raises(ValueError, match="same shape"):
        lb.gan_discriminator(real, fake, reduction="none")


@pytest.mark.parametrize("backend", BACKENDS)
def test_weights_count_in_both_parts(backend):
    w = np.array([1.0, 0.0, 3.0])
    real, fake, weight = (array(backend, x) for x in (REAL, FAKE, w))
    expected = np.average(DISCRIMINATOR["hinge"](REAL, FAKE), weights=w)
    loss = lb.gan_discriminator(real, fake, kind="hinge", sample_weight=weight)
    assert float(loss) == pytest.approx(expected)
    expected = np.average(softplus(-FAKE), weights=w)
    assert float(lb.gan_generator(fake, sample_weight=weight)) == pytest.approx(
        expected
    )


def test_the_minimax_generator_has_no_slope_where_it_loses():
    _, lost = lb.value_and_grad(lb.gan_generator)(np.array([-50.0]), kind="minimax")
    _, helped = lb.value_and_grad(lb.gan_generator)(np.array([-50.0]))
    assert abs(lost[0]) < 1e-20
    assert helped[0] == -1


def test_wrong_arguments_are_named():
    with pytest.raises(
        ValueError, match=r"kind must be one of 'minimax'.* got 'lsgan'"
    ):
        lb.gan_discriminator(REAL, FAKE, kind="lsgan")
    with pytest.raises(ValueError, match="kind must be"):
        lb.gan_generator(FAKE, kind=None)
    with pytest.raises(ValueError, match="fake is empty"):
        lb.gan_discriminator(REAL, FAKE[:0])
    with pytest.raises(ValueError, match="reduction"):
        lb.gan_generator(FAKE, reduction="avg")


ROWS = np.random.default_rng(2).normal(size=(2, 5, 3))


def critic_of(backend):
    """A smooth critic of one layer, whose weights are its argument."""
    if backend == "torch":
        import torch

        return lambda w: lambda x: torch.tanh(x @ w).sum(-1)
    if backend == "jax":
        return lambda w: lambda x: jax().numpy.tanh(x @ w).sum(-1)
    import tensorflow as tf

    return lambda w: lambda x: tf.reduce_sum(tf.tanh(x @ w), -1)


WITH_SECOND_DERIVATIVES = [b for b in BACKENDS if b != "numpy"]


@pytest.mark.parametrize("backend", WITH_SECOND_DERIVATIVES)
def test_the_penalty_of_a_linear_critic_is_known(backend):
    w = array(backend, np.array([[1.0], [2.0], [2.0]]))
    real, fake = (array(backend, x) for x in ROWS)

    def penalty(w):
        return lb.gradient_penalty(lambda x: x @ w, real, fake)

    value, slope = lb.value_and_grad(penalty)(w)
    assert float(numpy_of(value)) == pytest.approx(4)
    np.testing.assert_allclose(numpy_of(slope), 4 * numpy_of(w) / 3)


@pytest.mark.parametrize("backend", WITH_SECOND_DERIVATIVES)
@pytest.mark.parametrize("target", [0.0, 1.0])
def test_its_gradient_goes_through_second_derivatives(backend, target):
    w = array(backend, np.random.default_rng(3).normal(size=(3, 4)))
    real, fake, mix = (array(backend, x) for x in (*ROWS, np.linspace(0, 1, 5)))
    make = critic_of(backend)

    def penalty(w):
        return lb.gradient_penalty(make(w), real, fake, target=target, mix=mix)

    assert lb.check_gradient(penalty, w) < 1e-6


@pytest.mark.parametrize("backend", WITH_SECOND_DERIVATIVES)
def test_r1_looks_at_real_samples_alone(backend):
    w = array(backend, np.random.default_rng(3).normal(size=(3, 4)))
    real, fake = (array(backend, x) for x in ROWS)
    critic = critic_of(backend)(w)
    r1 = lb.gradient_penalty(critic, real, fake * np.nan, target=0, mix=0.999)
    assert np.isnan(float(numpy_of(r1)))
    slopes = (1 - np.tanh(ROWS[0] @ numpy_of(w)) ** 2) @ numpy_of(w).T
    for others in (fake, fake * np.nan, fake / 0.0):
        r1 = lb.gradient_penalty(
            critic, real, others, target=0, mix=1, reduction="none"
        )
        np.testing.assert_allclose(numpy_of(r1), (slopes**2).sum(-1))


@pytest.mark.parametrize("share", [np.nan, 2.0])
@pytest.mark.parametrize("backend", WITH_SECOND_DERIVATIVES)
def test_the_share_of_a_sample_that_weighs_nothing_is_not_looked_at(backend, share):
    w = array(backend, np.random.default_rng(3).normal(size=(3, 4)))
    real, fake = (array(backend, x) for x in ROWS)
    weight = array(backend, np.array([0.0, 1, 1, 1, 1]))
    make = critic_of(backend)

    def penalty(w, first):
        mix = array(backend, np.array([first, 0.2, 0.4, 0.6, 0.8]))
        return lb.gradient_penalty(make(w), real, fake, mix=mix, sample_weight=weight)

    found, sound = (lb.value_and_grad(penalty)(w, first) for first in (share, 0.5))
    for got, wanted in zip(found, sound, strict=True):
        np.testing.assert_array_equal(numpy_of(got), numpy_of(wanted))


@pytest.mark.parametrize("backend", WITH_SECOND_DERIVATIVES)
def test_the_shares_are_drawn_one_a_sample(backend):
    real, fake = array(backend, np.ones((400, 2))), array(backend, np.zeros((400, 2)))
    seen = []

    def critic(x):
        seen.append(numpy_of(x))
        return x[:, 0]

    lb.gradient_penalty(critic, real, fake)
    shares = seen[0]
    np.testing.assert_array_equal(shares[:, 0], shares[:, 1])
    assert len(np.unique(shares[:, 0])) == 400
    assert shares.min() >= 0
    assert shares.max() <= 1
    assert 0.4 < shares.mean() < 0.6


@pytest.mark.parametrize("backend", WITH_SECOND_DERIVATIVES)
def test_a_critic_with_no_slope_gives_a_finite_gradient(backend):
    w = array(backend, np.zeros((3, 1)))
    real, fake = (array(backend, x) for x in ROWS)

    def penalty(w):
        return lb.gradient_penalty(lambda x: x @ w, real, fake)

    value, slope = lb.value_and_grad(penalty)(w)
    assert float(numpy_of(value)) == 1
    np.testing.assert_array_equal(numpy_of(slope), 0)


def test_torch_func_and_inference_mode_take_the_penalty():
    import torch

    w = torch.from_numpy(np.random.default_rng(3).normal(size=(3, 4)))
    real, fake = map(torch.from_numpy, ROWS)

    def penalty(w):
        return lb.gradient_penalty(critic_of("torch")(w), real, fake, mix=0.25)

    value, slope = lb.value_and_grad(penalty)(w)
    torch.testing.assert_close(torch.func.grad_and_value(penalty)(w), (slope, value))
    torch.testing.assert_close(torch.func.jacfwd(penalty)(w), slope)
    both = torch.func.vmap(penalty)(torch.stack([w, 2 * w]))
    torch.testing.assert_close(both, torch.stack([value, penalty(2 * w)]))
    with torch.inference_mode():
        torch.testing.assert_close(penalty(w), value)
        torch.testing.assert_close(
            lb.gradient_penalty(critic_of("torch")(w), real + 0, fake + 0, mix=0.25),
            value,
        )


def test_images_and_half_precision_go_through_a_torch_critic():
    import torch

    critic = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3), torch.nn.Tanh(), torch.nn.Flatten(),
        torch.nn.Linear(72, 1),
    ).to(torch.bfloat16)  # fmt: skip
    real = torch.randn(4, 1, 8, 8, dtype=torch.bfloat16)
    with torch.no_grad():
        assert lb.gradient_penalty(critic, real, -real).requires_grad is False
    loss = lb.gradient_penalty(critic, real, -real)
    assert loss.dtype == torch.float32
    loss.backward()
    assert critic[0].weight.grad.isfinite().all()


def test_a_keras_critic_is_trained_through_a_graph():
    import keras
    import tensorflow as tf

    critic = keras.Sequential(
        [keras.layers.Input((3,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)]
    )
    real, fake = (tf.constant(x, tf.float32) for x in ROWS)

    @tf.function
    def slopes(mix):
        with tf.GradientTape() as tape:
            loss = lb.gradient_penalty(critic, real, fake, mix=mix)
        return loss, tape.gradient(loss, critic.variables[0].value)

    loss, slope = slopes(tf.constant(0.5))
    assert float(loss) > 0
    assert np.abs(slope).max() > 0


@pytest.mark.parametrize("jit", [True, False])
def test_a_graph_with_an_unknown_batch_takes_shares_of_known_length(jit):
    import tensorflow as tf

    spec = tf.TensorSpec([None, 3])

    def penalty(real, fake, mix=(0.5, 0.25, 0.0, 1.0, 0.75)):
        def critic(x):  # it knows the number of its scores, the samples do not
            return tf.ensure_shape(tf.reduce_sum(x**3, -1, keepdims=True), [5, 1])

        return lb.gradient_penalty(critic, real, fake, mix=mix)

    graph = tf.function(penalty, input_signature=[spec, spec], jit_compile=jit)
    real, fake = (tf.constant(x[:, :3], tf.float32) for x in ROWS)
    np.testing.assert_allclose(graph(real, fake), penalty(real, fake), rtol=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError):
        graph(real[:4], fake[:4])


def test_the_penalty_says_what_is_wrong():
    import torch

    real, fake = (torch.tensor(x) for x in ROWS)
    with pytest.raises(TypeError, match="needs samples of a framework"):
        lb.gradient_penalty(lambda x: x[:, 0], *ROWS)
    with pytest.raises(TypeError, match="needs samples of a framework"):
        lb.gradient_penalty(lambda x: x[:, 0], [[1], [2]], [[3], [4]])
    with pytest.raises(TypeError, match="one floating dtype"):
        lb.gradient_penalty(lambda x: x[:, 0], real, fake.float())
    with pytest.raises(TypeError, match="one floating dtype"):
        lb.gradient_penalty(lambda x: x[:, 0], real.long(), fake.long())
    with pytest.raises(ValueError, match="same shape"):
        lb.gradient_penalty(lambda x: x[:, 0], real, fake[:2])
    with pytest.raises(ValueError, match=r"one score a sample, shape \(5,\)"):
        lb.gradient_penalty(lambda x: x, real, fake)
    with pytest.raises(ValueError, match="mix must lie in"):
        lb.gradient_penalty(lambda x: x[:, 0], real, fake, mix=2.0)
    with pytest.raises(ValueError, match=r"mix must be a number .*\(5,\), got shape"):
        lb.gradient_penalty(lambda x: x[:, 0], real, fake, mix=[0.5, 0.5])
    with pytest.raises(ValueError, match="target"):
        lb.gradient_penalty(lambda x: x[:, 0], real, fake, target=-1.0)
