"""The subject `losses` of oracle.py, for tests/ops/pytorch_test.cpp: losses of one number a row, and rows normalised to a
length, of random matrices.

All is computed in float64 from numbers of float32. The records:

    KIND rows columns options o …
        the inputs: logits and labels, prediction and target, or x and scale; the gradient of the result;
        the result, and the gradients of the inputs that have one

The options: alpha and gamma of the losses of classes, beta of smooth_l1, epsilon of l2_normalisation.
"""

import numpy
import torch
from torch.nn import functional

CASES = 40  # of a kind
KINDS = ["softmax", "sigmoid", "focal", "smooth_l1", "l2_normalisation"]
KINK_MARGIN = 1e-5  # nearer to a kink, rounding chooses the slope


def result_of(kind, options, inputs):
    if kind == "smooth_l1":
        return functional.smooth_l1_loss(*inputs, reduction="none", beta=options[0]).sum(-1)
    if kind == "l2_normalisation":
        return functional.normalize(inputs[0], dim=-1, eps=options[0]) * inputs[1]
    x, labels = inputs[0], inputs[1].long()
    if kind == "softmax":
        return functional.cross_entropy(x, labels, reduction="none")
    target = functional.one_hot(labels, x.shape[-1]).to(x.dtype)
    losses = functional.binary_cross_entropy_with_logits(x, target, reduction="none")
    if kind == "focal":
        alpha, gamma = options
        probability = torch.sigmoid(x)
        of_target = probability * target + (1 - probability) * (1 - target)
        losses = (alpha * target + (1 - alpha) * (1 - target)) * (1 - of_target) ** gamma * losses
    return losses.sum(-1)


class Random:
    def __init__(self, seed):
        self.generator = numpy.random.default_rng(seed)

    def number(self, low, high):
        return float(numpy.float32(self.generator.uniform(low, high)))

    def integer(self, low, high):
        return int(self.generator.integers(low, high + 1))

    def choice(self, values):
        return values[self.integer(0, len(values) - 1)]

    def uniform(self, low, high, shape):
        """Of numbers of float32, so that both sides begin with the same."""
        return torch.tensor(self.generator.uniform(low, high, shape).astype("f4").astype("f8"))


def random_case(random, kind):
    rows = random.choice([1, 2, 3, 31, 33, 67, random.integer(1, 200)])
    columns = random.choice([1, 2, 3, 4, 5, 21, 64, 65, 81, random.integer(1, 300)])
    size = random.choice([0.1, 1.0, 6.0])
    if kind == "smooth_l1":
        options = [random.choice([1.0, random.number(0.05, 2)])]
        prediction = random.uniform(-size, size, (rows, columns))
        target = random.uniform(-size, size, (rows, columns))
        # The difference is not at the kink.
        near = ((prediction - target).abs() - options[0]).abs() < KINK_MARGIN
        target[near] = prediction[near]
        return rows, columns, options, [prediction, target]
    if kind == "l2_normalisation":
        options = [random.choice([1e-10, 1e-12, random.number(0.5, 2)])]
        x = random.uniform(-size, size, (rows, columns))
        length = x.square().sum(-1).sqrt()
        x[(length - options[0]).abs() < KINK_MARGIN] = 0
        return rows, columns, options, [x, random.uniform(0.5, 20, columns)]
    options = [random.choice([0.25, random.number(0, 1)]), random.choice([2.0, 0.0, 1.0, random.number(0.1, 4)])]
    labels = torch.tensor(random.generator.integers(0, columns, rows).astype("f8"))
    return rows, columns, options, [random.uniform(-size, size, (rows, columns)), labels]


def generate(record, seed):
    torch.set_default_dtype(torch.float64)
    random = Random(seed)
    for kind in KINDS * CASES:
        rows, columns, options, inputs = random_case(random, kind)
        differentiated = inputs if kind in ("smooth_l1", "l2_normalisation") else inputs[:1]
        for tensor in differentiated:
            tensor.requires_grad_()
        result = result_of(kind, options, inputs)
        dy = random.uniform(-1, 1, result.shape)
        result.backward(dy)
        results = [result] + [tensor.grad for tensor in differentiated]
        record([kind, rows, columns, "options"] + options,
               [tensor.detach().contiguous().numpy() for tensor in inputs + [dy] + results])
