"""The subject `optimizers` of oracle.py, for tests/train/pytorch_test.cpp: PyTorch's optimizers step.

1,000 independent single steps from random state with random hyper-parameters, in float64, and one run of 1,000 steps
a form of optimizer, in float64 and in float32. Options carry Lemnos's names, states too. The records, with LENGTHS
numbers for every array:

    case NAME step T rate R factors … states N options N …
        parameters, gradients, states; parameters and states after the step
    gradients STEPS
        of each step of the runs
    run NAME rate R options N …
        parameters; parameters after all steps in float64, in float32
"""

import numpy
import torch

LENGTHS = [1003, 1]  # of the tensors; odd, and the smallest
CASES = 1000
STEPS = 1000
LARGEST_CHANGE = 0.25  # of a parameter in a single step: the rounding of larger ones alone is as large as 1e-7

# The forms of optimizers: Lemnos's name, torch's class, options that the form fixes.
FORMS = [
    ("sgd", "SGD", {"momentum": 0.0, "nesterov": 0}),
    ("sgd", "SGD", {"dampening": 0.0, "nesterov": 0}),
    ("sgd", "SGD", {"nesterov": 0}),
    ("sgd", "SGD", {"dampening": 0.0, "nesterov": 1}),
    ("adagrad", "Adagrad", {}),
    ("adadelta", "Adadelta", {}),
    ("rmsprop", "RMSprop", {"momentum": 0.0, "centered": 0}),
    ("rmsprop", "RMSprop", {"centered": 0}),
    ("rmsprop", "RMSprop", {"momentum": 0.0, "centered": 1}),
    ("rmsprop", "RMSprop", {"centered": 1}),
    ("adam", "Adam", {"amsgrad": 0}),
    ("adam", "Adam", {"amsgrad": 1}),
    ("adamw", "AdamW", {"amsgrad": 0}),
    ("adamw", "AdamW", {"amsgrad": 1}),
    ("nadam", "NAdam", {}),
    ("radam", "RAdam", {}),
]
OPTIONS = {
    "sgd": ["momentum", "dampening", "nesterov", "weight_decay", "maximize"],
    "adagrad": ["rate_decay", "epsilon", "weight_decay", "maximize"],
    "adadelta": ["rho", "epsilon", "weight_decay", "maximize"],
    "rmsprop": ["alpha", "epsilon", "momentum", "centered", "weight_decay", "maximize"],
    "adam": ["beta1", "beta2", "epsilon", "weight_decay", "amsgrad", "maximize"],
    "adamw": ["beta1", "beta2", "epsilon", "weight_decay", "amsgrad", "maximize"],
    "nadam": ["beta1", "beta2", "epsilon", "momentum_decay", "weight_decay"],
    "radam": ["beta1", "beta2", "epsilon", "weight_decay"],
}
TORCH_OPTIONS = {
    "rate_decay": "lr_decay", "epsilon": "eps", "momentum_decay": "momentum_decay", "rho": "rho", "alpha": "alpha",
    "momentum": "momentum", "dampening": "dampening", "nesterov": "nesterov", "centered": "centered",
    "amsgrad": "amsgrad", "maximize": "maximize",
}
TORCH_STATES = {
    "momentum": "momentum_buffer", "sum": "sum", "squared_step": "acc_delta", "largest_square": "max_exp_avg_sq",
}


def states_of(name, options):
    """Lemnos's names of the states, in its order, with torch's."""
    if name == "sgd":
        names = ["momentum"] if options["momentum"] > 0 else []
    elif name == "adagrad":
        names = ["sum"]
    elif name == "adadelta":
        names = ["square", "squared_step"]
    elif name == "rmsprop":
        names = ["square"] + ["mean"] * options["centered"] + ["momentum"] * (options["momentum"] > 0)
    else:
        names = ["mean", "square"] + ["largest_square"] * options.get("amsgrad", 0)
    adam = name not in ("sgd", "adagrad", "adadelta", "rmsprop")
    torch_names = dict(TORCH_STATES, mean="exp_avg" if adam else "grad_avg",
                       square="exp_avg_sq" if adam else "square_avg")
    return [(state, torch_names[state]) for state in names]


# ---- torch ---------------------------------------------------------------------------------------------------------


def split(values):
    return numpy.split(values, numpy.cumsum(LENGTHS)[:-1])


def joined(tensors):
    return numpy.concatenate([tensor.detach().to(torch.float64).numpy() for tensor in tensors])


def make(name, kind, options, rate, factors, parameters, dtype):
    """torch's optimizer; each tensor is a group with its own rate and weight decay."""
    torch.set_default_dtype(dtype)  # of scalar states
    arguments = {TORCH_OPTIONS[key]: bool(value) if isinstance(value, int) else value
                 for key, value in options.items() if key in TORCH_OPTIONS}
    if "beta1" in options:
        arguments["betas"] = (options["beta1"], options["beta2"])
    # The path for single tensors of torch 1.13's NAdam is wrong: it multiplies the product of momenta by mu twice.
    arguments["foreach"] = name == "nadam"
    groups = [{"params": [parameter], "lr": rate * of_rate, "weight_decay": options["weight_decay"] * of_decay}
              for parameter, (of_rate, of_decay) in zip(parameters, factors)]
    return getattr(torch.optim, kind)(groups, lr=rate, **arguments)


def single_step(name, kind, options, step, rate, factors, values):
    """Parameters and states after the step-th step, in float64."""
    parameters = [torch.tensor(part) for part in split(values["parameters"])]
    optimizer = make(name, kind, options, rate, factors, parameters, torch.float64)
    states = states_of(name, options)
    for i, parameter in enumerate(parameters):
        parameter.grad = torch.tensor(split(values["gradients"])[i])
        if name == "sgd":
            if step > 1 and states:  # the first step has no buffer yet
                optimizer.state[parameter]["momentum_buffer"] = torch.tensor(split(values["momentum"])[i])
            continue
        state = {torch_name: torch.tensor(split(values[own])[i]) for own, torch_name in states}
        # Those that count steps in numbers of their own count in a tensor since 1.12, the others in an int.
        counts = name in ("adadelta", "rmsprop") and torch.__version__.startswith("1.")
        state["step"] = step - 1 if counts else torch.tensor(float(step - 1))
        if name == "nadam":
            product = 1.0
            for i_step in range(1, step):
                product *= options["beta1"] * (1 - 0.5 * 0.96 ** (i_step * options["momentum_decay"]))
            state["mu_product"] = torch.tensor(product)
        optimizer.state[parameter] = state
    optimizer.step()
    after = [joined(parameters)]
    for _, torch_name in states:
        after.append(joined([optimizer.state[parameter][torch_name] for parameter in parameters]))
    return after


def run(name, kind, options, rate, start, gradients, dtype):
    parameters = [torch.tensor(part).to(dtype) for part in split(start)]
    optimizer = make(name, kind, options, rate, [(1, 1)] * len(LENGTHS), parameters, dtype)
    for gradient in gradients:
        for parameter, part in zip(parameters, split(gradient)):
            parameter.grad = torch.tensor(part).to(dtype)
        optimizer.step()
    return joined(parameters)


# ---- random cases -------------------------------------------------------------------------------------------------


class Random:
    def __init__(self, seed):
        self.generator = numpy.random.default_rng(seed)

    def number(self, low, high):
        return float(self.generator.uniform(low, high))

    def power_of_ten(self, low, high):
        return 10 ** self.number(low, high)

    def chance(self, probability):
        return int(self.generator.uniform() < probability)

    def values(self, scale):
        """Numbers of float32, so that both sides begin with the same."""
        return (self.generator.standard_normal(sum(LENGTHS)) * scale).astype("f4").astype("f8")

    def option(self, name):
        if name == "momentum":
            return self.number(0.05, 0.99)
        if name == "dampening":
            return self.number(0, 1)
        if name in ("nesterov", "maximize"):
            return self.chance(0.5)
        if name == "weight_decay":
            return self.power_of_ten(-4, -1) if self.chance(0.7) else 0.0
        if name == "rate_decay":
            return self.power_of_ten(-5, -1) if self.chance(0.7) else 0.0
        if name == "epsilon":
            return self.power_of_ten(-10, -2)
        if name in ("rho", "alpha"):
            return self.number(0.5, 0.999)
        if name == "beta1":
            return self.number(0.3, 0.99) if self.chance(0.9) else 0.0
        if name == "beta2":
            return 1 - self.power_of_ten(-4, -0.3)
        if name == "momentum_decay":
            return self.power_of_ten(-4, 0) if self.chance(0.9) else 0.0
        raise KeyError(name)


def random_case(random, name, kind, fixed):
    options = {}
    for option in OPTIONS[name]:
        options[option] = fixed[option] if option in fixed else random.option(option)
    step = int(random.power_of_ten(0, 4))
    rate = random.power_of_ten(-4, 0)
    # Of the rate and of the weight decay, one tensor's like a group of torch's.
    factors = [(random.number(0.1, 2), random.number(0, 2)) if random.chance(0.3) else (1.0, float(random.chance(0.8)))
               for _ in LENGTHS]
    scale = random.power_of_ten(-3, -0.5)  # of the gradient
    values = {"parameters": random.values(random.power_of_ten(-2, 0)), "gradients": random.values(scale)}
    for state, _ in states_of(name, options):
        if state == "mean":
            values[state] = random.values(scale)
        elif state == "momentum":  # RMSprop's is of gradients divided by their size
            values[state] = random.values(scale if name == "sgd" else 0.1)
        elif state == "squared_step":
            values[state] = random.values(random.power_of_ten(-3, -1)) ** 2
        else:
            values[state] = (scale * random.power_of_ten(-1, 1) * (0.2 + numpy.abs(random.values(1)))) ** 2
    if name == "rmsprop" and ("momentum" in values or options["centered"]):
        # Steps of at most about 1 in a buffer that may cancel them; the mean of squares is mean^2 and a variance, not
        # so small that it drowns in the rounding of the sum.
        variance = (scale * (1 + numpy.abs(random.values(1)))) ** 2
        if options["centered"]:
            values["mean"] = random.values(scale * 0.5)
        values["square"] = variance + (values["mean"] ** 2 if options["centered"] else 0)
    for state, array in values.items():
        values[state] = array.astype("f4").astype("f8")

    after = single_step(name, kind, options, step, rate, factors, values)
    change = float(numpy.abs(after[0] - values["parameters"]).max())
    if change > LARGEST_CHANGE:
        rate *= LARGEST_CHANGE / change
        after = single_step(name, kind, options, step, rate, factors, values)
    return options, step, rate, factors, values, after


# Options of the runs, where they are not torch's defaults; rates at which the parameters move about as far as they are.
RUNS = {
    "sgd": (0.02, {"momentum": 0.9, "dampening": 0.3, "nesterov": 0, "weight_decay": 5e-4}),
    "adagrad": (0.01, {"rate_decay": 1e-3, "epsilon": 1e-10, "weight_decay": 1e-3}),
    "adadelta": (1.0, {"rho": 0.9, "epsilon": 1e-6, "weight_decay": 1e-3}),
    "rmsprop": (0.001, {"alpha": 0.99, "epsilon": 1e-8, "momentum": 0.9, "weight_decay": 1e-3}),
    "adam": (0.001, {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 1e-3}),
    "adamw": (0.001, {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 1e-2}),
    "nadam": (0.002, {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "momentum_decay": 4e-3, "weight_decay": 1e-3}),
    "radam": (0.001, {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 1e-3}),
}


def generate(record, seed):
    random = Random(seed)

    def words_of(options):
        return ["options", len(options)] + [word for item in options.items() for word in item]

    for i in range(CASES):
        name, kind, fixed = FORMS[i % len(FORMS)]
        options, step, rate, factors, values, after = random_case(random, name, kind, fixed)
        flat = [number for pair in factors for number in pair]
        record(["case", name, "step", step, "rate", rate, "factors"] + flat + ["states", len(after) - 1] +
               words_of(options), list(values.values()) + after)

    # Each element has a scale of its own; a power of two, for so products are numbers of float32 too.
    scales = numpy.exp2(random.generator.integers(-10, -1, sum(LENGTHS)))
    gradients = [random.values(1) * scales for _ in range(STEPS)]
    record(["gradients", STEPS], gradients)
    for name, kind, fixed in FORMS:
        rate, options = RUNS[name]
        options = {**options, **fixed}
        start = random.values(1)
        results = [run(name, kind, options, rate, start, gradients, dtype)
                   for dtype in (torch.float64, torch.float32)]
        record(["run", name, "rate", rate] + words_of(options), [start] + results)
