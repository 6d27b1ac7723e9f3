"""Prediction: what a model says of images."""

import json
import math
from typing import Any, List

from . import _native
from ._memory import Dtype, memory_into, memory_of, new_array
from ._object import Json, _Object, _of, _options
from .data import Box, Guess
from .model import Model


class Predictor(_Object):
    """A model compiled for `batch` images at a time; any number can be asked for."""

    __slots__ = ("_info",)

    def __init__(self, model: Model, batch: int = 1, **options: Any) -> None:
        self._native = _native.Predictor(_of(model, Model), batch, _options(options))
        self._info = self.info()

    def info(self) -> Json:
        return json.loads(self._native.info_json())

    @property
    def class_names(self) -> List[str]:
        """The names of the classes in the order of their labels."""
        return list(self._info["class_names"])

    def run(self, pixels: Any, into: Any = None) -> memoryview:
        """The results, float32 [images, outputs], of images u8 [images, height, width, channels], or of one: of a classifier
        the probabilities of the classes, of a detector rows of class (-1: none), score, top, left, bottom, right."""
        memory = memory_of(pixels, Dtype.U8)
        image = self._info["height"], self._info["width"], self._info["channels"]
        size = math.prod(image)
        count, rest = divmod(memory.view.nbytes, size)
        given = memory.shape
        if image[-1] == 1 and given[-1:] != (1,):
            given = (*given, 1)  # grey images need not say so
        if len(memory.shape) > 1 and given[-3:] != image:
            raise ValueError(f"The pixels have the shape {memory.shape} (needed: {image}, or many of these).")
        if rest:
            raise ValueError(f"The pixels ({memory.view.nbytes} bytes) are no whole number of images ({size} bytes each).")
        result = new_array((count, self._info["outputs"]), Dtype.F32) if into is None else memory_into(into, Dtype.F32)
        self._native.run(memory.view, count, result)
        return result

    def classify(self, pixels: Any, top: int = 1) -> List[List[Guess]]:
        """The most probable classes of each image, the best first."""
        self._need("classify", "classify()")
        result, names = [], self.class_names
        for row in self.run(pixels).tolist():
            best = sorted(range(len(row)), key=row.__getitem__, reverse=True)[:top]
            result.append([Guess(names[index], row[index]) for index in best])
        return result

    def detect(self, pixels: Any) -> List[List[Box]]:
        """The objects in each image, the surest first."""
        self._need("detect", "detect()")
        found, names = [], self.class_names
        for numbers in self.run(pixels).tolist():
            rows = [numbers[at : at + 6] for at in range(0, len(numbers), 6)]
            found.append([Box(names[int(row[0])], *row[1:]) for row in rows if row[0] >= 0])
        return found

    def _need(self, task: str, method: str) -> None:
        if self._info["task"] != task:
            raise ValueError(f"{method} needs a model that can {task} (this one's task: {self._info['task']}).")

    def _about(self) -> str:
        info = self._info
        return f"of {info['height']} x {info['width']} x {info['channels']}, {len(info['class_names'])} classes"
