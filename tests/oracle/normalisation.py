"""The subject `normalisation` of oracle.py, for tests/ops/pytorch_test.cpp: PyTorch's normalisers of random tensors.

All is computed in float64 from numbers of float32. The records, in the order examples, height, width, channels:

    KIND n h w c examples E groups G epsilon e activation A momentum m terms t …
        x, gamma, beta, running mean and variance, gradient of y;
        y, gradients of x, gamma and beta, of KINDS with statistics running mean and variance after a step

t is, of each result, the size of the terms whose sum it is: its rounding is of them, though they cancel.
"""

import numpy
import torch
from torch.nn import functional

CASES = 50  # of a kind
STATISTICS = ["batch", "ghost", "batch-group"]
KINDS = STATISTICS + ["group", "instance", "layer", "inference"]
ACTIVATIONS = {"none": lambda z: z, "relu": functional.relu, "relu6": functional.relu6}
KINKS = {"none": [], "relu": [0], "relu6": [0, 6]}
KINK_MARGIN = 2e-3  # nearer to a kink, rounding chooses the slope; there nothing comes back from y


class LayerNorm(torch.nn.Module):
    """PyTorch's has a gamma and a beta for every element, Lemnos's for every channel."""

    def __init__(self, channels, eps):
        super().__init__()
        self.eps = eps
        self.weight, self.bias = torch.nn.Parameter(torch.empty(channels)), torch.nn.Parameter(torch.empty(channels))

    def forward(self, x):
        return (functional.layer_norm(x, x.shape[1:], eps=self.eps) * self.weight[:, None, None] +
                self.bias[:, None, None])


class BatchGroupNorm(torch.nn.GroupNorm):
    """Group normalisation that sees the examples of a set as one."""

    def __init__(self, examples, groups, channels, eps):
        super().__init__(groups, channels, eps)
        self.examples = examples

    def forward(self, x):
        n, c, h, w = x.shape
        sets = x.reshape(-1, self.examples, c, h, w).transpose(1, 2)
        y = super().forward(sets.reshape(-1, c, self.examples * h, w))
        return y.reshape(sets.shape).transpose(1, 2).reshape(x.shape)


class GhostNorm(torch.nn.BatchNorm2d):
    def __init__(self, examples, channels, eps):
        super().__init__(channels, eps, track_running_stats=False)
        self.examples = examples

    def forward(self, x):
        return torch.cat([super(GhostNorm, self).forward(part) for part in x.split(self.examples)])


def layer_of(kind, examples, groups, channels, eps):
    if kind in ("batch", "inference"):
        return torch.nn.BatchNorm2d(channels, eps)
    if kind == "ghost":
        return GhostNorm(examples, channels, eps)
    if kind == "batch-group":
        return BatchGroupNorm(examples, groups, channels, eps)
    if kind == "group":
        return torch.nn.GroupNorm(groups, channels, eps)
    if kind == "instance":
        return torch.nn.InstanceNorm2d(channels, eps, affine=True)
    return LayerNorm(channels, eps)


def deviations(x, examples, groups, eps):
    """sqrt(variance + eps) of the cells that an element is normalised with."""
    n, c, h, w = x.shape
    groups = groups or c
    sets = x.reshape(n // examples, examples, groups, c // groups, h, w)
    variance = sets.var((1, 3, 4, 5), unbiased=False, keepdim=True)
    return (variance + eps).sqrt().expand(sets.shape).reshape(x.shape)


def largest(x):
    return float(x.abs().max())


def compute(kind, examples, groups, eps, activation, momentum, given):
    """The results and the sizes of their terms."""
    x, gamma, beta, running_mean, running_variance, dy = given
    channels = x.shape[1]
    layer = layer_of(kind, examples, groups, channels, eps)
    statistics = torch.nn.BatchNorm2d(channels, eps, momentum)  # of the whole batch, however it is normalised
    statistics.running_mean.copy_(running_mean)
    statistics.running_var.copy_(running_variance)
    if kind == "inference":
        layer.load_state_dict(statistics.state_dict())
        layer.eval()
    with torch.no_grad():
        layer.weight.copy_(gamma)
        layer.bias.copy_(beta)

    x.requires_grad_()
    z = layer(x)
    z.retain_grad()
    for kink in KINKS[activation]:
        dy[(z - kink).abs() < KINK_MARGIN] = 0
    y = ACTIVATIONS[activation](z)
    y.backward(dy)
    results = [y, x.grad, layer.weight.grad, layer.bias.grad]

    with torch.no_grad():
        of_channel = [vector[:, None, None] for vector in (gamma, beta, running_variance)]
        normalised = (z - of_channel[1]) / of_channel[0]
        deviation = ((of_channel[2] + eps).sqrt() if kind == "inference" else
                     deviations(x, examples, groups, eps))
        terms = [largest(z), largest(z.grad * of_channel[0] / deviation)]
        # Terms of a sum add up as a walk at random does.
        terms += [largest(term.square().sum((0, 2, 3)).sqrt()) for term in (z.grad * normalised, z.grad)]
        if kind in STATISTICS:
            statistics(x)
            results += [statistics.running_mean, statistics.running_var]
            terms += [max(largest(running_mean), largest(x.mean((0, 2, 3)))), 0.0]
    return results, terms


class Random:
    def __init__(self, seed):
        self.generator = numpy.random.default_rng(seed)

    def number(self, low, high):
        return float(self.generator.uniform(low, high))

    def integer(self, low, high):
        return int(self.generator.integers(low, high + 1))

    def choice(self, values):
        return values[self.integer(0, len(values) - 1)]

    def tensor(self, values):
        """Of numbers of float32, so that both sides begin with the same."""
        return torch.tensor(numpy.asarray(values).astype("f4").astype("f8"))

    def uniform(self, low, high, shape):
        return self.tensor(self.generator.uniform(low, high, shape))


def random_case(random, kind):
    """Ugly ones among them: a single example, a single cell an example, odd channels, large means, tiny variances."""
    height, width = random.choice([(1, 1), (1, 1), (2, 2), (7, 7), (random.integer(1, 9), random.integer(1, 9))])
    if kind == "instance":  # PyTorch refuses single cells
        width += height * width == 1
    examples, sets, groups = 1, random.integer(1, 8), 0
    if kind in ("ghost", "batch-group", "batch", "inference"):
        examples = random.integer(1 + (height * width == 1), 5)
        sets = random.choice([1, 2, 3]) if kind in ("ghost", "batch-group") else 1
    channels = random.choice([1, 3, 4, 8, 13, 16, 31, 65, random.integer(1, 40)])
    if kind in ("group", "batch-group"):
        groups, span = random.choice([1, 2, 3, 8]), random.choice([1, 2, 3, 4, 8])
        if examples * height * width == 1:
            span += 1
        channels = groups * span
    if kind == "layer":
        groups = 1
        channels += height * width * channels == 1
    if random.integer(0, 9) == 0:
        height, width, sets = height + 10, width + 12, sets + 3 * (kind != "batch" and kind != "inference")
    n = examples * sets

    vector = (channels,)
    offset = random.choice([0.0, 0.3, -1.0, 100.0, -100.0])
    deviation = random.choice([1.0, 1.0, 10.0, 1e-2, 1e-4])
    spread = random.choice([0.0, 1.0])  # of the channels' means
    mean = offset + random.generator.uniform(-2, 2, (channels, 1, 1)) * spread
    normal = random.generator.standard_normal((n, channels, height, width))
    gamma = random.uniform(0.3, 2, vector) * random.tensor(random.generator.choice([-1.0, 1.0], vector))
    given = [random.tensor(mean + deviation * normal), gamma, random.uniform(-1, 4, vector),
             random.tensor(mean[:, 0, 0] + random.generator.uniform(-1, 1, vector) * deviation),
             random.tensor(deviation ** 2 * random.generator.uniform(0.2, 2, vector)),
             random.uniform(-1, 1, (n, channels, height, width))]
    eps = random.choice([1e-5, 1e-3, 10 ** random.number(-7, -1)])
    momentum = float(random.tensor(random.choice([0.1, 1.0, random.number(0.01, 1)])))
    return examples, groups, eps, random.choice(list(ACTIVATIONS)), momentum, given


def rows(tensor):
    """In the order of the layout: channels last."""
    tensor = tensor.detach()
    return (tensor.permute(0, 2, 3, 1) if tensor.dim() == 4 else tensor).contiguous().numpy()


def generate(record, seed):
    torch.set_default_dtype(torch.float64)
    random = Random(seed)
    for kind in KINDS * CASES:
        examples, groups, eps, activation, momentum, given = random_case(random, kind)
        results, terms = compute(kind, examples, groups, eps, activation, momentum, given)
        n, c, h, w = given[0].shape
        record([kind, n, h, w, c, "examples", examples, "groups", groups, "epsilon", eps, "activation", activation,
                "momentum", momentum, "terms"] + terms, [rows(tensor) for tensor in given + results])
