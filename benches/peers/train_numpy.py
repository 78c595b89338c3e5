"""XOR in plain NumPy, as the article that the product starts from writes it: one step per epoch on all four rows."""

import numpy as np
from measure import XOR_EPOCHS, XOR_INPUTS, XOR_TARGETS, arguments, measure_xor, xor_start


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def train(rate=0.1):
    """The step follows the plain sum over rows of (ŷ − y)·σ′."""
    x, y = XOR_INPUTS.astype(np.float64), XOR_TARGETS.astype(np.float64)
    (w1, b1), (w2, b2) = [(w.astype(np.float64), b.astype(np.float64)) for w, b in xor_start()]
    for _ in range(XOR_EPOCHS):
        hidden = sigmoid(np.dot(x, w1) + b1)
        guess = sigmoid(np.dot(hidden, w2) + b2)
        delta2 = (guess - y) * guess * (1 - guess)
        delta1 = np.dot(delta2, w2.T) * hidden * (1 - hidden)
        w2 -= rate * np.dot(hidden.T, delta2)
        b2 -= rate * np.sum(delta2, axis=0)
        w1 -= rate * np.dot(x.T, delta1)
        b1 -= rate * np.sum(delta1, axis=0)
    return np.mean(np.square(guess - y))


_, xor, threads = arguments()
if xor:
    measure_xor("numpy", np.__version__, threads, train)
