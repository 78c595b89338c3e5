"""PyTorch at its best on a CPU: rows already in tensors, batches taken by shuffled index, fused Adam; eager and compiled.

Compiled is the whole step's forward and loss (backward follows) by torch.compile; compiling falls into the epoch that
warms up.
"""

import torch
import torch.nn.functional as F
from measure import XOR_EPOCHS, XOR_INPUTS, XOR_TARGETS, Work, arguments, measure, measure_xor, xor_start
from torch import nn

LOSSES = {"softmax": F.cross_entropy, "sigmoid": F.binary_cross_entropy_with_logits, "linear": F.mse_loss}
VERSION = torch.__version__


def network(layers: list[int]) -> nn.Sequential:
    parts: list[nn.Module] = []
    for width, units in zip(layers, layers[1:]):
        parts += [nn.Linear(width, units), nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def run(work: Work, threads: int, compiled: bool):
    torch.manual_seed(0)
    torch.compiler.reset()
    model = network(work.layers)
    rule = torch.optim.Adam if work.optimizer == "adam" else torch.optim.SGD
    optimizer = rule(model.parameters(), lr=work.learning_rate, fused=True)
    inputs, targets = map(torch.from_numpy, work.train)
    loss = LOSSES[work.output]

    def forward(x, y):
        return loss(model(x), y)

    # Two batch sizes, the last one of an epoch being smaller, are two compiled forms.
    step = torch.compile(forward, dynamic=False) if compiled else forward

    def epoch():
        for index in torch.randperm(len(inputs)).split(work.batch_size):
            optimizer.zero_grad()
            step(inputs[index], targets[index]).backward()
            optimizer.step()

    def predict():
        with torch.inference_mode():
            return model(torch.from_numpy(work.test[0])).numpy()

    measure("torch compiled" if compiled else "torch", VERSION, threads, work, epoch, predict)


def xor():
    """A rate of 0.2 on the mean over four rows is the article's 0.1 on the sum of (ŷ − y)·σ′."""
    model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid())
    with torch.no_grad():
        for layer, (weights, biases) in zip(model[::2], xor_start()):
            layer.weight.copy_(torch.from_numpy(weights.T))
            layer.bias.copy_(torch.from_numpy(biases))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
    x, y = torch.from_numpy(XOR_INPUTS), torch.from_numpy(XOR_TARGETS)
    for _ in range(XOR_EPOCHS):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
    return loss.item()


works, wants_xor, threads = arguments()
torch.set_num_threads(threads)
if wants_xor:
    measure_xor("torch", VERSION, threads, xor)
for work in works:
    run(work, threads, compiled=False)
    run(work, threads, compiled=True)
