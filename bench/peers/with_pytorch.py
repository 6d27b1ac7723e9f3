"""PyTorch as anyone would use it: eager, on the GPU with channels_last, and automatic mixed precision where that is asked for."""

import math
import os
import time

import torch
from torch import nn

import networks

OPTIMIZERS = {
    "sgd": (torch.optim.SGD, {"lr": 1e-6}),
    "sgd_momentum": (torch.optim.SGD, {"lr": 1e-6, "momentum": 0.9}),
    "sgd_nesterov": (torch.optim.SGD, {"lr": 1e-6, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-4}),
    "adagrad": (torch.optim.Adagrad, {}),
    "adadelta": (torch.optim.Adadelta, {}),
    "rmsprop": (torch.optim.RMSprop, {}),
    "rmsprop_momentum": (torch.optim.RMSprop, {"momentum": 0.9}),
    "rmsprop_centered": (torch.optim.RMSprop, {"momentum": 0.9, "centered": True}),
    "adam": (torch.optim.Adam, {}),
    "adam_amsgrad": (torch.optim.Adam, {"amsgrad": True}),
    "adamw": (torch.optim.AdamW, {}),
    "nadam": (torch.optim.NAdam, {}),
    "radam": (torch.optim.RAdam, {}),
}


class Library:
    def __init__(self, gpu):
        if gpu and not torch.cuda.is_available():
            raise RuntimeError(f"PyTorch {torch.__version__} is installed, but finds no GPU")
        self.device = torch.device("cuda" if gpu else "cpu")
        self.gpu = gpu
        if gpu:
            torch.backends.cudnn.benchmark = True
            place = f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"
        else:
            torch.set_num_threads(len(os.sched_getaffinity(0)))
            place = f"the CPU, {torch.get_num_threads()} threads"
        self.name = f"PyTorch {torch.__version__} on {place}"

    def prepare(self, work, options):
        return getattr(self, work)(options)

    def forget(self):
        if self.gpu:
            torch.cuda.empty_cache()

    def wait(self):
        if self.gpu:
            torch.cuda.synchronize()

    def images(self, options):
        shape = [int(options[name]) for name in ("batch", "channels", "size", "size")]
        images = torch.rand(shape, device=self.device)
        return images.contiguous(memory_format=torch.channels_last) if self.gpu else images

    def network(self, options):
        network = networks.build(options).to(self.device)
        return network.to(memory_format=torch.channels_last) if self.gpu else network

    def infer(self, options):
        network, images = self.network(options).eval(), self.images(options)

        def run():
            with torch.no_grad():
                network(images).softmax(1)
            self.wait()

        return run

    def train(self, options):
        """As many steps as last a tenth of a second, without waiting between them, as Lemnos is measured."""
        step = self.train_step(options)
        for _ in range(2):  # the first allocates and chooses kernels
            start = time.perf_counter()
            step()
            self.wait()
        steps = max(1, min(1000, math.ceil(0.1 / (time.perf_counter() - start))))

        def run():
            start = time.perf_counter()
            for _ in range(steps):
                step()
            self.wait()
            return (time.perf_counter() - start) / steps

        return run

    def train_step(self, options):
        network, images = self.network(options).train(), self.images(options)
        mixed = options.get("precision") == "mixed"
        labels = torch.randint(int(options["classes"]), (len(images),), device=self.device)
        optimizer = torch.optim.SGD(network.parameters(), lr=1e-6, momentum=0.9)
        scaler = torch.cuda.amp.GradScaler() if mixed and self.gpu else None
        dtype = torch.float16 if self.gpu else torch.bfloat16  # what PyTorch has for each

        def step():
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(self.device.type, dtype=dtype, enabled=mixed):
                loss = nn.functional.cross_entropy(network(images), labels)
            if scaler:
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
            else:
                loss.backward()
                optimizer.step()

        return step

    def optimizer(self, options):
        kind, settings = OPTIMIZERS[options["kind"]]
        parameter = nn.Parameter(torch.rand(int(options["parameters"]), device=self.device))
        parameter.grad = torch.rand_like(parameter)
        try:
            optimizer = kind([parameter], foreach=True, **settings)
        except TypeError:
            optimizer = kind([parameter], **settings)

        def run():
            optimizer.step()
            self.wait()

        return run

    def product(self, options):
        size = int(options["size"])
        dtype = torch.float16 if options["precision"] == "f16" else torch.float32
        a, b = (torch.rand(size, size, device=self.device).to(dtype) for _ in range(2))

        def run():
            if not self.gpu:
                torch.matmul(a, b)
                return None
            # By the card's own clock, as Lemnos is measured.
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            torch.matmul(a, b)
            end.record()
            end.synchronize()
            return start.elapsed_time(end) / 1e3

        return run

    def first_step(self):
        self.train_step({"network": "mobilenet_v2", "preset": "small28", "width": "0.35", "size": "28", "channels": "1", "classes": "10",
                         "batch": "32"})()
        self.wait()
