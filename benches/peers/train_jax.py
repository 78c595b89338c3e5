"""JAX at its best on a CPU: an epoch is one compiled call that shuffles and scans over the batches, Adam written out."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from measure import XOR_EPOCHS, XOR_INPUTS, XOR_TARGETS, Work, arguments, measure, measure_xor, xor_start

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def initial(layers: list[int]):
    """Weights of He et al. 2015, biases of 0."""
    rng = np.random.default_rng(0)
    draw = lambda shape: jnp.asarray(rng.normal(0, np.sqrt(2 / shape[0]), shape), jnp.float32)
    return [(draw((width, units)), jnp.zeros(units)) for width, units in zip(layers, layers[1:])]


def outputs(parameters, x):
    for weights, biases in parameters[:-1]:
        x = jax.nn.relu(x @ weights + biases)
    weights, biases = parameters[-1]
    return x @ weights + biases


def loss_of(output: str):
    def loss(parameters, x, y):
        out = outputs(parameters, x)
        if output == "softmax":
            return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(out), y[:, None], axis=1))
        if output == "sigmoid":
            return jnp.mean(jax.nn.softplus(out) - y * out)
        return jnp.mean((out - y) ** 2)

    return loss


def adam(state, gradients, rate):
    """Kingma and Ba 2015, algorithm 1."""
    parameters, first, second, t = state
    t += 1
    first = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, first, gradients)
    second = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, second, gradients)
    move = lambda p, m, v: p - rate * (m / (1 - BETA1**t)) / (jnp.sqrt(v / (1 - BETA2**t)) + EPSILON)
    return jax.tree.map(move, parameters, first, second), first, second, t


def sgd(state, gradients, rate):
    return (jax.tree.map(lambda p, g: p - rate * g, state[0], gradients), *state[1:])


def run(work: Work, threads: int):
    inputs, targets = map(jnp.asarray, work.train)
    gradient, rule = jax.grad(loss_of(work.output)), adam if work.optimizer == "adam" else sgd
    whole = work.rows - work.rows % work.batch_size

    @jax.jit
    def epoch(state, key):
        order = jax.random.permutation(key, work.rows)

        def step(state, index):
            return rule(state, gradient(state[0], inputs[index], targets[index]), work.learning_rate), None

        state, _ = lax.scan(step, state, order[:whole].reshape(-1, work.batch_size))
        return step(state, order[whole:])[0] if whole < work.rows else state

    parameters = initial(work.layers)
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    state, key = (parameters, zeros, zeros, jnp.float32(0)), jax.random.key(0)

    def one():
        nonlocal state, key
        key, of_epoch = jax.random.split(key)
        state = jax.block_until_ready(epoch(state, of_epoch))

    measure("jax", jax.__version__, threads, work, one, lambda: np.asarray(outputs(state[0], work.test[0])))


@jax.jit
def xor(parameters):
    """All epochs in one compiled loop; the rate as in train_torch.py."""

    def loss(parameters):
        (w1, b1), (w2, b2) = parameters
        hidden = jax.nn.sigmoid(XOR_INPUTS @ w1 + b1)
        return jnp.mean((jax.nn.sigmoid(hidden @ w2 + b2) - XOR_TARGETS) ** 2)

    def step(_, state):
        value, gradients = jax.value_and_grad(loss)(state[0])
        return jax.tree.map(lambda p, g: p - 0.2 * g, state[0], gradients), value

    return lax.fori_loop(0, XOR_EPOCHS, step, (parameters, jnp.float32(0)))[1]


works, wants_xor, threads = arguments()
if wants_xor:
    measure_xor("jax", jax.__version__, threads, lambda: xor(xor_start()))
for work in works:
    run(work, threads)
