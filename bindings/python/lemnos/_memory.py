"""Numbers that a caller has, as memory: buffers, DLPack, lists. Nothing here needs numpy."""

import array
import enum
import math
import struct
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple, Union

from . import _native


class Dtype(enum.IntEnum):
    """The type of a tensor's elements."""

    F32 = _native.F32
    F16 = _native.F16
    I32 = _native.I32
    U8 = _native.U8

    @property
    def format(self) -> str:
        """The letter of memoryviews that Lemnos makes; "H", the bits, for F16."""
        return _KINDS[self].format

    @property
    def size(self) -> int:
        return _KINDS[self].size


class _Kind(NamedTuple):
    format: str  # of memoryviews, which know no 'e' before Python 3.12: 16-bit floating point is seen by its bits
    size: int
    accepted: str  # letters of buffers that hold the same
    dlpack: Tuple[int, int]  # code and bits
    names: Tuple[str, ...]


_KINDS = {
    Dtype.F32: _Kind("f", 4, "f", (2, 32), ("f32", "float32")),
    Dtype.F16: _Kind("H", 2, "eH", (2, 16), ("f16", "float16")),
    Dtype.I32: _Kind("i", 4, "il", (0, 32), ("i32", "int32")),
    Dtype.U8: _Kind("B", 1, "B", (1, 8), ("u8", "uint8")),
}
#: What numpy calls those that are none of these.
_OTHERS = {"d": "float64", "l": "int64", "q": "int64", "h": "int16", "H": "uint16", "I": "uint32", "L": "uint64",
           "Q": "uint64", "b": "int8", "?": "bool", "Zf": "complex64", "Zd": "complex128"}  # fmt: skip
_BY_NAME = {name: dtype for dtype, kind in _KINDS.items() for name in kind.names}
_BY_DLPACK = {kind.dlpack: dtype for dtype, kind in _KINDS.items()}

DtypeLike = Union[Dtype, str, Any]


def dtype_of(value: DtypeLike) -> Dtype:
    """"f32", "float32", numpy.float32, numpy.dtype("float32") and Dtype.F32 are the same."""
    if isinstance(value, Dtype):
        return value
    name = value if isinstance(value, str) else getattr(value, "name", None) or getattr(value, "__name__", None)
    if name in _BY_NAME:
        return _BY_NAME[name]
    known = ", ".join(kind.names[0] for kind in _KINDS.values())
    raise ValueError(f"There is no type of elements {value!r} (known: {known}).")


def dtype_code(dtype: Dtype) -> Tuple[int, int]:
    return _KINDS[dtype].dlpack


def _letter(format: str) -> str:
    return format[1:] if format[:1] in "@=<" else format


def _item_dtype(view: memoryview) -> Optional[Dtype]:
    for dtype, kind in _KINDS.items():
        if view.itemsize == kind.size and _letter(view.format) in kind.accepted:
            return dtype
    return None


def new_array(shape: Sequence[int], dtype: Dtype) -> memoryview:
    """Zeros of that shape, writable, as numpy.asarray and memoryview.tolist take them."""
    view = memoryview(bytearray(math.prod(shape) * dtype.size))
    if not shape:
        return view.cast(dtype.format, ())
    return view.cast("B").cast(dtype.format, tuple(shape))


def to_list(view: memoryview, dtype: Dtype) -> Any:
    """The elements as nested lists; the element itself for rank 0."""
    if dtype != Dtype.F16:
        return view.tolist()
    values: List[Any] = list(struct.unpack(f"={math.prod(view.shape)}e", view))
    for extent in reversed(view.shape[1:]):
        values = [values[i : i + extent] for i in range(0, len(values), extent)]
    return values if view.shape else values[0]


def _flatten(values: Any, shape: List[int], depth: int, out: List[Any]) -> None:
    if not isinstance(values, (list, tuple)):
        if depth != len(shape):
            raise ValueError("The lists are not all of the same length.")
        out.append(values)
        return
    if depth == len(shape):
        if out:
            raise ValueError("The lists are not all of the same length.")
        shape.append(len(values))
    if shape[depth] != len(values):
        raise ValueError("The lists are not all of the same length.")
    for value in values:
        _flatten(value, shape, depth + 1, out)


class Memory(NamedTuple):
    view: memoryview
    dtype: Dtype
    shape: Tuple[int, ...]
    raw: bool  # bytes, which stand for any type and shape
    owner: Any  # keeps the view's memory


def memory_of(data: Any, dtype: Optional[Dtype]) -> Memory:
    """The memory of `data` as it lies there. dtype: what is wanted; None: whatever it is."""
    owner = None
    if isinstance(data, (bytes, bytearray)) and dtype is not None:
        return Memory(memoryview(data), dtype, (), True, data)
    if isinstance(data, (int, float, list, tuple)):
        values: List[Any] = []
        shape: List[int] = []
        _flatten(data, shape, 0, values)
        wanted = Dtype.F32 if dtype is None else dtype
        view = memoryview(_packed(values, wanted))
        return Memory(view, wanted, tuple(shape), False, view)
    try:
        view = memoryview(data)
    except TypeError:
        if not hasattr(data, "__dlpack__"):
            raise TypeError(
                f"A {type(data).__name__} holds no numbers that Lemnos can read (needed: a buffer, such as a numpy array,"
                " an object with __dlpack__, or a list)."
            ) from None
        flat, code, bits, extents, owner = _native.dlpack_import(data.__dlpack__())
        found = _BY_DLPACK.get((code, bits))
        if found is None:
            raise TypeError(f"Lemnos has no type for elements of {bits} bits and DLPack's code {code}.") from None
        view, shape_found = flat, tuple(extents)
    else:
        if not view.c_contiguous:
            raise BufferError("The array is not C-contiguous; give a contiguous copy, as numpy.ascontiguousarray makes.")
        found, shape_found = _item_dtype(view), view.shape
        if found is None:
            name = _OTHERS.get(_letter(view.format))
            known = ", ".join(kind.names[0] for kind in _KINDS.values()) if dtype is None else _KINDS[dtype].names[0]
            raise TypeError(
                f"Lemnos has no type for items of format {view.format!r}{f' ({name})' if name else ''}; convert them first"
                f" (needed: {known})."
            )
    if dtype is not None and found != dtype:
        raise TypeError(f"The elements are {_KINDS[found].names[0]} (needed: {_KINDS[dtype].names[0]}); convert them first.")
    return Memory(view, found, shape_found, False, owner)


def memory_into(data: Any, dtype: Dtype) -> memoryview:
    """The caller's own memory, to be filled: never a copy of it, so what cannot be filled as it lies is refused."""
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError(
            f"A {type(data).__name__} is no memory that can be filled (needed: a writable buffer, such as a numpy array)."
        ) from None
    memory_of(view, dtype)  # says what does not fit
    if view.readonly:
        raise BufferError("The buffer can only be read (needed: one that may be written to).")
    return view


def _packed(values: List[Any], dtype: Dtype) -> Any:
    if dtype == Dtype.F16:
        return struct.pack(f"={len(values)}e", *values)
    return array.array(dtype.format, values)
