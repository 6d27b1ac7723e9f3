"""Models: networks with their parameters."""

import json
import os
from typing import Any, List, Sequence

from . import _native
from ._memory import Dtype, memory_of, new_array
from ._object import Json, Path, _Object, _of, _options
from ._values import Metrics, ModelInput, metrics_of, model_input_of
from .data import Dataset
from .device import Device


class Model(_Object):
    """A network with its parameters. Models are built or loaded by the functions of these names."""

    __slots__ = ()

    def __init__(self, native: Any) -> None:
        self._native = native

    @classmethod
    def build(cls, device: Device, name: str, *, seed: int = 1, **options: Any) -> "Model":
        return cls(_native.Model.build(_of(device, Device), name, _options(options), seed))

    @classmethod
    def load(cls, device: Device, path: Path) -> "Model":
        return cls(_native.Model.load(_of(device, Device), os.fspath(path)))

    def load_weights(self, path: Path) -> None:
        self._native.load_weights(os.fspath(path))

    def load_matching(self, path: Path) -> Json:
        return json.loads(self._native.load_matching(os.fspath(path)))

    def save(self, path: Path) -> None:
        self._native.save(os.fspath(path))

    def summary(self) -> Json:
        return json.loads(self._native.summary_json())

    @property
    def input(self) -> ModelInput:
        return model_input_of(self._native.input())

    @property
    def class_names(self) -> List[str]:
        """The names of the classes in the order of their labels."""
        return self.summary()["class_names"]

    @class_names.setter
    def class_names(self, names: Sequence[str]) -> None:
        self._native.set_class_names(json.dumps(list(names)))

    def set_pixels(self, mean: Sequence[float], deviation: Sequence[float]) -> None:
        self._native.set_pixels(mean, deviation)

    def prepare(self, dataset: Dataset) -> None:
        self._native.prepare(_of(dataset, Dataset))

    def set_alpha(self, alpha: float, layers: str = "*") -> None:
        self._native.set_alpha(layers, alpha)

    def alpha(self) -> Json:
        return json.loads(self._native.alpha_json())

    def kernels(self, **options: Any) -> Json:
        """The convolutions of this model's plans and what computes them (batch, train, precision)."""
        return json.loads(self._native.kernels_json(_options(options)))

    def read(self, parameter: str, into: Any) -> memoryview:
        """Copies a parameter into a writable float32 buffer of its size, or into a new one of `into` elements."""
        view = new_array((into,), Dtype.F32) if isinstance(into, int) else memoryview(into)
        self._native.read(parameter, view)
        return view

    def write(self, parameter: str, values: Any) -> None:
        self._native.write(parameter, memory_of(values, Dtype.F32).view)

    def evaluate(self, dataset: Dataset, batch: int = 0) -> Metrics:
        return metrics_of(self._native.evaluate(_of(dataset, Dataset), batch))

    def evaluate_boxes(self, dataset: Dataset, **options: Any) -> Json:
        return json.loads(self._native.evaluate_boxes_json(_of(dataset, Dataset), _options(options)))

    def _about(self) -> str:
        summary = self.summary()
        height, width, channels, classes = self.input
        return f"{summary['name']}, {summary['parameters']} parameters, {height} x {width} x {channels}, {classes} classes"
