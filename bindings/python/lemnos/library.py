"""The library itself: what it is, what it finds and what it offers; and image files."""

import json
import os
from typing import Any, List, Tuple

from . import _native, errors
from ._memory import Dtype, memory_of, new_array
from ._object import Json, Path, _options
from ._values import ImageSize, image_size_of


def version() -> Tuple[int, int, int]:
    """Major, minor and patch of the library."""
    number = _native.version()
    return number // 1_000_000, number // 1_000 % 1_000, number % 1_000


def build_info() -> str:
    return _native.build_info()


def devices() -> List[Json]:
    return json.loads(_native.devices_json())


def is_available() -> bool:
    """Whether there is a Vulkan device; never raises."""
    try:
        return bool(devices())
    except errors.LemnosError:
        return False


def operators_info() -> List[Json]:
    return json.loads(_native.operators_json())


def options(kind: str) -> List[Json]:
    return json.loads(_native.options_json(kind))


def summary(name: str, **options: Any) -> Json:
    return json.loads(_native.summary_json(name, _options(options)))


def image_size(path: Path) -> ImageSize:
    return image_size_of(_native.image_size(os.fspath(path)))


def image_read(path: Path, height: int, width: int, channels: int = 3) -> memoryview:
    pixels = new_array((height, width, channels), Dtype.U8)
    _native.image_read(os.fspath(path), height, width, channels, pixels)
    return pixels


def image_write_png(path: Path, pixels: Any) -> None:
    memory = memory_of(pixels, Dtype.U8)
    height, width, channels = memory.shape if len(memory.shape) == 3 else (*memory.shape, 1)
    _native.image_write_png(os.fspath(path), memory.view, height, width, channels)
