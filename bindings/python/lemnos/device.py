"""Devices, and tensors, which are memory on them."""

import atexit
import json
import math
import weakref
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union

from . import _native
from ._memory import Dtype, DtypeLike, Memory, dtype_code, dtype_of, memory_into, memory_of, new_array, to_list
from ._object import Json, _Object, _of, _options

_open: "weakref.WeakSet[Device]" = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Drivers tear themselves down at the end of a process; nothing may be at work on a device then."""
    for device in list(_open):
        device.close()


class Device(_Object):
    """A Vulkan device. wanted: an index, a UUID or a part of the name; keep_log: for take_log()."""

    __slots__ = ()

    def __init__(
        self, wanted: Union[str, int, None] = None, *, memory_limit: int = 0, disk_cache: bool = True, keep_log: bool = False
    ) -> None:
        self._native = _native.Device("" if wanted is None else str(wanted), memory_limit, disk_cache, keep_log)
        _open.add(self)

    def close(self) -> None:
        self._native.close()

    def info(self) -> Json:
        return json.loads(self._native.info_json())

    def counters(self) -> Dict[str, int]:
        return json.loads(self._native.counters_json())

    @contextmanager
    def profile(self, **options: Any) -> Iterator[Json]:
        """Times everything that runs on the device within a with statement, at the end of which what it gives is filled:
        json.dump() makes a file of it that https://ui.perfetto.dev opens."""
        profile: Json = {}
        self._native.profile_start(_options(options))
        try:
            yield profile
        finally:
            profile.update(json.loads(self._native.profile_stop()))

    def tune(self, problem: str) -> Json:
        """Finds the fastest kernel for a problem of Model.kernels(), which later plans then use."""
        return json.loads(self._native.tune_json(problem))

    def tuning(self) -> str:
        """The decisions in use, to be kept and loaded elsewhere."""
        return self._native.tuning()

    def load_tuning(self, tuning: str) -> None:
        """Takes decisions in place of those in use; an empty text clears them."""
        self._native.load_tuning(tuning)

    def wait(self, ticket: int, timeout: Optional[float] = None) -> bool:
        """Waits until the work of a ticket is done; False when the time, in seconds, is up before."""
        return self._native.wait(ticket, -1 if timeout is None else int(timeout * 1e9))

    def take_log(self) -> List[str]:
        """The lines of the log since it was last taken."""
        return self._native.take_log().splitlines()

    def tensor(self, data: Any = None, *, shape: Optional[Sequence[int]] = None, dtype: Optional[DtypeLike] = None) -> "Tensor":
        """A tensor with a copy of the data, or zeros of a shape."""
        if data is None:
            return Tensor(self, () if shape is None else shape, "f32" if dtype is None else dtype)
        memory = memory_of(data, None if dtype is None else dtype_of(dtype))
        tensor = Tensor(self, memory.shape if shape is None else shape, memory.dtype)
        tensor._write(memory)
        return tensor

    def _about(self) -> str:
        info = self.info()
        return f"{info['name']} ({info['type']})"


class Tensor(_Object):
    """Memory on a device: zeros at first. It takes and gives memory of the host by copying, whole and in order."""

    __slots__ = ("shape", "dtype")
    shape: Tuple[int, ...]
    dtype: Dtype

    def __init__(self, device: Device, shape: Sequence[int], dtype: DtypeLike = "f32") -> None:
        self.dtype = dtype_of(dtype)
        self._native = _native.Tensor(_of(device, Device), self.dtype, shape)
        self.shape = self._native.shape()

    @classmethod
    def from_dlpack(cls, device: Device, data: Any) -> "Tensor":
        """A tensor with a copy of anything that has __dlpack__ (of the host's memory)."""
        return device.tensor(data)

    @property
    def nbytes(self) -> int:
        """The tensor's size in bytes."""
        return self._native.bytes()

    def write(self, data: Any) -> None:
        """Copies from a buffer (such as a numpy array), a DLPack object, a list, or raw bytes."""
        self._write(memory_of(data, self.dtype))

    def _write(self, memory: Memory) -> None:
        if not memory.raw and len(memory.shape) != 1 and memory.shape != self.shape:
            raise ValueError(f"The data has the shape {memory.shape} (needed: {self.shape}).")
        self._native.write(memory.view)

    def read(self, into: Any = None) -> memoryview:
        """Copies into a writable, C-contiguous buffer of the tensor's type, or into a new one."""
        view = new_array(self.shape, self.dtype) if into is None else memory_into(into, self.dtype)
        if into is not None:
            if view.ndim != 1 and view.shape != self.shape:
                raise ValueError(f"The buffer has the shape {view.shape} (needed: {self.shape}).")
        self._native.read(view)
        return view

    def numpy(self) -> Any:
        """A copy as a numpy array."""
        import numpy

        array = numpy.empty(self.shape, "e" if self.dtype == Dtype.F16 else self.dtype.format)
        self._native.read(array)
        return array

    def tolist(self) -> Any:
        """A copy as nested lists; a number for a tensor of rank 0."""
        return to_list(self.read(), self.dtype)

    def item(self) -> Union[int, float]:
        """The only element."""
        elements = math.prod(self.shape)
        if elements != 1:
            raise ValueError(f"The tensor has {elements} elements (needed: 1).")
        value = self.tolist()
        while isinstance(value, list):
            value = value[0]
        return value

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> Any:
        if copy is False:
            raise ValueError("A tensor's memory is the device's; it can only be copied.")
        array = self.numpy()
        return array if dtype is None else array.astype(dtype, copy=False)

    def __dlpack__(
        self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: Optional[bool] = None
    ) -> Any:
        """A copy in the host's memory."""
        if copy is False:
            raise BufferError("A tensor's memory is the device's; it can only be copied.")
        if stream is not None or dl_device not in (None, (1, 0)):
            raise BufferError("A tensor is exported to the memory of the host alone.")
        return _native.dlpack_export(self.read(), *dtype_code(self.dtype))

    def __dlpack_device__(self) -> Tuple[int, int]:
        return 1, 0

    def _about(self) -> str:
        return f"{self.dtype.name.lower()} {list(self.shape)}"
