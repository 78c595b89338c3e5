# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy==2.4.6", "scikit-learn==1.9.1"]
# ///
"""Reference numbers of the losses `poisson` and `quantile`, from scikit-learn and NumPy.

    pip install numpy==2.4.6 scikit-learn==1.9.1
    python make_losses.py

rewrites losses.json beside this file. Values are those of `mean_poisson_deviance`, half of which is the loss but for y − y ln y,
and of `mean_pinball_loss`; gradients are taken without the formula that the service has: by a complex step where the loss is smooth
(Squire & Trapp 1998), else by central differences of a function that is straight on both sides. PyTorch's `PoissonNLLLoss` with
`log_input=True, full=False` gives the same numbers.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.metrics import mean_pinball_loss, mean_poisson_deviance


def poisson(z, y):
    """The mean loss of rates exp(z): half of the deviance, and what y alone adds."""
    own = y - y * np.log(np.where(y > 0, y, 1))
    return mean_poisson_deviance(y.ravel(), np.exp(z).ravel()) / 2 + own.mean()


def poisson_gradient(z, y):
    """The imaginary part of a step of i·1e-30, over the step."""
    step = z + 1e-30j
    return (np.exp(step) - y * step).imag / 1e-30 / z.size


def quantile_gradient(z, y, quantile):
    """A step that no value crosses."""
    step = 1e-4
    slopes = np.empty_like(z)
    for place in np.ndindex(z.shape):
        up, down = z.copy(), z.copy()
        up[place] += step
        down[place] -= step
        ends = [mean_pinball_loss(y.ravel(), side.ravel(), alpha=quantile) for side in (up, down)]
        slopes[place] = (ends[0] - ends[1]) / (2 * step)
    return slopes


def main():
    cases = []
    rows = [
        ([[0.4, -2.0], [3.0, 0.0], [-1.0, 6.0]], [[2, 0], [19, 1], [0, 35.5]]),
        ([[-30.0], [12.5]], [[3], [1000]]),
    ]
    for logits, targets in rows:
        z, y = np.array(logits), np.array(targets, dtype=float)
        numbers = {"value": poisson(z, y), "gradient": poisson_gradient(z, y).tolist()}
        cases.append({"loss": "poisson", "quantile": None, "logits": logits, "targets": targets} | numbers)
    logits, targets = [[0.3, -1.2], [2.0, 0.5], [-0.75, 4.0]], [[0.1, 0.4], [2.25, 1.5], [1.25, -3.5]]
    for quantile in (0.5, 0.9, 0.05):
        z, y = np.array(logits), np.array(targets)
        value = mean_pinball_loss(y.ravel(), z.ravel(), alpha=quantile)
        gradient = np.round(quantile_gradient(z, y, quantile), 9).tolist()
        cases.append(
            {"loss": "quantile", "quantile": quantile, "logits": logits, "targets": targets}
            | {"value": value, "gradient": gradient}
        )
    text = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    Path(__file__).resolve().with_name("losses.json").write_text(f"[\n{text}\n]\n")


main()
