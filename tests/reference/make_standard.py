# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy==2.4.6"]
# ///
"""A training of a network as the recipe `standard` makes it, by NumPy in float64: waves beside numbers (PBLD), a factor for each input
of the first layer, dense layers in NTK parametrization, Mish, AdamW with rates by the kind of a parameter, the schedule `coslog4`.

    pip install numpy==2.4.6
    python make_standard.py

rewrites standard.json beside this file. Written after Holzmüller, Grinsztajn & Steinwart 2024 ("Better by default"), without the formulas
of a backward pass: gradients are taken by a complex step (Squire & Trapp 1998), and weights are of order 1, as in the paper, where the
service keeps what they are divided by the root of the inputs.
"""

import json
from pathlib import Path

import numpy as np

NUMBERS, OTHERS, WAVES, VALUES, HIDDEN = [0, 2], 1, 4, 2, [5, 4]
ROWS, BATCH, EPOCHS = 24, 8, 6
RATE, DECAY, BETA1, BETA2, EPSILON = 0.04, 0.02, 0.9, 0.95, 1e-8

WIDTHS = [len(NUMBERS) + OTHERS + VALUES * len(NUMBERS), *HIDDEN, 1]
# Name, shape, factor of the learning rate, factor of the decay.
PARAMETERS = []
for column in range(len(NUMBERS)):
    for name, shape in [("w", (WAVES,)), ("b", (WAVES,)), ("W", (WAVES, VALUES)), ("c", (VALUES,))]:
        PARAMETERS.append((f"waves{column}.{name}", shape, 0.1, 0.1))
PARAMETERS.append(("scale", (WIDTHS[0],), 6.0, 6.0))
for layer, (inputs, units) in enumerate(zip(WIDTHS, WIDTHS[1:])):
    PARAMETERS.append((f"dense{layer}.W", (inputs, units), 1.0, 1.0))
    PARAMETERS.append((f"dense{layer}.b", (units,), 0.1, 0.0))


def softplus(z):
    return np.log1p(np.exp(z))


def loss(p, x, y):
    """The mean binary cross-entropy of the batch."""
    embedded = [x]
    for column, place in enumerate(NUMBERS):
        w, b, W, c = (p[f"waves{column}.{name}"] for name in "wbWc")
        embedded.append(np.cos(2 * np.pi * w * x[:, [place]] + b) @ W + c)
    a = np.concatenate(embedded, axis=1) * p["scale"]
    for layer, inputs in enumerate(WIDTHS[:-1]):
        z = a @ p[f"dense{layer}.W"] / np.sqrt(inputs) + p[f"dense{layer}.b"]
        a = z * np.tanh(softplus(z)) if layer < len(HIDDEN) else z
    return (softplus(a[:, 0]) - y * a[:, 0]).mean(), a[:, 0]


def gradient(p, name, x, y):
    found = np.empty(p[name].shape)
    for place in np.ndindex(found.shape):
        step = {**p, name: p[name].astype(complex)}
        step[name][place] += 1e-30j
        found[place] = loss(step, x, y)[0].imag / 1e-30
    return found


def flat(p):
    """As the service keeps them: weights divided by the root of their inputs."""
    kept = [p[name] / np.sqrt(p[name].shape[0]) if name.startswith("dense") and name.endswith("W") else p[name] for name, *_ in PARAMETERS]
    return np.concatenate([value.ravel() for value in kept])


def main():
    random = np.random.default_rng(7)
    x = random.normal(size=(ROWS, len(NUMBERS) + OTHERS))
    y = (np.sin(2 * x[:, 0]) + x[:, 1] > 0).astype(float)
    p = {name: random.normal(size=shape) * (0.5 if name.startswith("waves") else 1.0) for name, shape, *_ in PARAMETERS}
    p["scale"] = 1.0 + 0.1 * random.normal(size=p["scale"].shape)
    # What float32 can hold, so that both begin alike.
    x, p = np.float32(x).astype(float), {name: np.float32(value).astype(float) for name, value in p.items()}
    document = {"inputs": x.tolist(), "targets": y.tolist(), "parameters": flat(p).tolist(), "epochs": EPOCHS, "batch_size": BATCH}
    first, second = ({name: np.zeros(shape) for name, shape, *_ in PARAMETERS} for _ in range(2))
    steps, losses = EPOCHS * (ROWS // BATCH), []
    for step in range(steps):
        rows = slice(step * BATCH % ROWS, step * BATCH % ROWS + BATCH)
        t = step / (steps - 1)
        rate = RATE * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * t))) / 2
        losses.append(loss(p, x[rows], y[rows])[0])
        gradients = {name: gradient(p, name, x[rows], y[rows]) for name, *_ in PARAMETERS}
        for name, _, of_rate, of_decay in PARAMETERS:
            g = gradients[name]
            first[name] = BETA1 * first[name] + (1 - BETA1) * g
            second[name] = BETA2 * second[name] + (1 - BETA2) * g**2
            m, v = first[name] / (1 - BETA1 ** (step + 1)), second[name] / (1 - BETA2 ** (step + 1))
            p[name] = p[name] * (1 - rate * of_rate * DECAY * of_decay) - rate * of_rate * m / (np.sqrt(v) + EPSILON)
    document["losses"] = np.reshape(losses, (EPOCHS, -1)).mean(axis=1).tolist()
    document["trained"] = flat(p).tolist()
    document["outputs"] = (1 / (1 + np.exp(-loss(p, x, y)[1]))).tolist()
    Path(__file__).with_name("standard.json").write_text(json.dumps(document, indent=1) + "\n")


main()
