"""Data sets, and what is known of an image: its class, its boxes."""

import json
import os
from array import array
from typing import Any, Iterator, List, NamedTuple, Optional

from . import _native
from ._memory import Dtype, memory_into, memory_of, new_array
from ._object import Json, Path, _Object, _options


class Image(NamedTuple):
    """An image of a data set: u8 [height, width, channels], and its class."""

    pixels: memoryview
    label: int


class Guess(NamedTuple):
    """A class and how probable it is."""

    name: str
    probability: float


class Box(NamedTuple):
    """An object in an image: its class, how sure it is, and where it lies, in fractions of the image."""

    name: str
    score: float
    top: float
    left: float
    bottom: float
    right: float


class Dataset(_Object):
    """Labelled images. Datasets are opened or created by the functions of these names."""

    __slots__ = ("_info",)

    def __init__(self, native: Any) -> None:
        self._native = native
        self._info: Json = json.loads(native.info_json())

    @classmethod
    def open(cls, path: Path, split: str = "train", **options: Any) -> "Dataset":
        return cls(_native.Dataset.open(os.fspath(path), split, _options(options)))

    @classmethod
    def create(cls, pixels: Any, labels: Any, classes: Optional[int] = None) -> "Dataset":
        """pixels: u8 [images, height, width, channels] (or without channels: grey); labels: i32, 0 … classes - 1."""
        images, numbers = memory_of(pixels, Dtype.U8), memory_of(labels, Dtype.I32)
        if len(images.shape) not in (3, 4):
            raise ValueError(f"The pixels have the shape {images.shape} (needed: images, height, width, channels).")
        count, height, width, channels = (*images.shape, 1)[:4]
        if numbers.shape != (count,):
            raise ValueError(f"The labels have the shape {numbers.shape} (needed: {(count,)}, one an image).")
        if classes is None:
            classes = max(numbers.view.tolist(), default=0) + 1
        return cls(_native.Dataset.create(images.view, numbers.view, height, width, channels, classes))

    def info(self) -> Json:
        return json.loads(self._native.info_json())

    @property
    def class_names(self) -> List[str]:
        """The names of the classes in the order of their labels."""
        return list(self._info["class_names"])

    def read(self, index: int, into: Any = None) -> Image:
        info = self._info
        size = info["height"], info["width"], info["channels"]
        pixels = new_array(size, Dtype.U8) if into is None else memory_into(into, Dtype.U8)
        return Image(pixels, self._native.read(index, pixels))

    def boxes(self, index: int) -> List[Box]:
        """Of a data set with boxes; fractions of the image."""
        numbers = array("f", bytes(20 * self._native.boxes(index, array("f"))))
        self._native.boxes(index, numbers)
        rows = [numbers[at : at + 5].tolist() for at in range(0, len(numbers), 5)]
        names = self.class_names
        return [Box(names[int(row[0])], 1.0, *row[1:]) for row in rows]

    def __len__(self) -> int:
        return self._info["size"]

    def __getitem__(self, index: int) -> Image:
        if not -len(self) <= index < len(self):
            raise IndexError(f"There is no image {index} (images: {len(self)}).")
        return self.read(index % len(self))

    def __iter__(self) -> Iterator[Image]:
        return (self.read(index) for index in range(len(self)))

    def _about(self) -> str:
        info = self._info
        return (
            f"of {info['size']} images, {info['height']} x {info['width']} x {info['channels']}, in {info['classes']} classes"
        )
