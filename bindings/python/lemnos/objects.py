"""The objects of Lemnos. What a method does stands in lemnos.h; it is this package's help as well."""

import atexit
import json
import math
import os
import types
import weakref
from array import array
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from . import _native
from . import errors  # noqa: F401 (registers the exceptions)
from ._docs import DOCS
from ._memory import Dtype, DtypeLike, Memory, dtype_code, dtype_of, memory_into, memory_of, new_array, to_list
from ._values import (
    ImageSize,
    Metrics,
    ModelInput,
    Progress,
    image_size_of,
    metrics_of,
    model_input_of,
    progress_of,
)
from .progress import Bar

Path = Union[str, "os.PathLike[str]"]
Json = Dict[str, Any]


def _options(options: Mapping[str, Any]) -> str:
    given = {name: value for name, value in options.items() if value is not None}
    return json.dumps(given, default=_plain) if given else ""


def _plain(value: Any) -> Any:
    """numpy's numbers and arrays in options."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"An option cannot be a {type(value).__name__} (allowed: numbers, truth values, texts and lists).")


class _Object:
    """Holds one native object. Closing it, or leaving its `with` block, frees it at once; what is not closed is freed with
    the last reference to it. An object whose call is still running on another thread lives until that call has ended."""

    __slots__ = ("_native", "__weakref__")
    _native: Any

    def close(self) -> None:
        """Frees the object now. Closing twice is no error; using it afterwards is an InvalidStateError."""
        self._native.close()

    @property
    def closed(self) -> bool:
        return self._native.closed()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        kind = type(self).__name__
        if not hasattr(self, "_native"):
            return f"<lemnos.{kind}, never made>"
        if self.closed:
            return f"<lemnos.{kind}, closed>"
        try:
            return f"<lemnos.{kind} {self._about()}>"
        except errors.LemnosError as error:
            return f"<lemnos.{kind}: {error}>"

    def _about(self) -> str:
        return ""


def _of(thing: Any, kind: type) -> Any:
    """The native object of an argument."""
    if not isinstance(thing, kind):
        raise TypeError(f"{'An' if kind.__name__[0] in 'AEIO' else 'A'} {kind.__name__} is needed (given: {thing!r}).")
    return thing._native


# ---- the library ---------------------------------------------------------------------------------------------------


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


# ---- devices and tensors -------------------------------------------------------------------------------------------

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


# ---- graphs and plans ----------------------------------------------------------------------------------------------


class Value:
    """A value of a graph. lemnos.operators has a function for each operator; + - * mean add, sub and mul."""

    __slots__ = ("graph", "number")

    def __init__(self, graph: "Graph", number: int) -> None:
        self.graph = graph
        self.number = number

    @property
    def shape(self) -> Tuple[int, ...]:
        """The extents; empty for one number."""
        return self.graph._native.shape(self.number)

    def result(self, index: int) -> "Value":
        """A further result (1, 2, …) of the operator that this value came from."""
        return Value(self.graph, self.graph._native.result(self.number, index))

    def __add__(self, other: "Value") -> "Value":
        return self.graph.op("add", self, other) if isinstance(other, Value) else NotImplemented

    def __sub__(self, other: "Value") -> "Value":
        return self.graph.op("sub", self, other) if isinstance(other, Value) else NotImplemented

    def __mul__(self, other: "Value") -> "Value":
        return self.graph.op("mul", self, other) if isinstance(other, Value) else NotImplemented

    def __repr__(self) -> str:
        return f"<lemnos.Value {self.number} {list(self.shape)}>"


class Graph(_Object):
    """Operators and their gradients. It needs no device; one thread at a time."""

    __slots__ = ()

    def __init__(self) -> None:
        self._native = _native.Graph()

    def input(self, name: str, shape: Sequence[int], dtype: DtypeLike = "f32") -> Value:
        return Value(self, self._native.input(name, dtype_of(dtype), shape))

    def op(self, name: str, *inputs: Optional[Value], **attributes: Any) -> Value:
        numbers = [-1 if value is None else self._number(value) for value in inputs]
        return Value(self, self._native.op(name, numbers, _options(attributes)))

    def gradients(self, loss: Value, wrt: Sequence[Value], seed: Optional[Value] = None) -> List[Value]:
        numbers = [self._number(value) for value in wrt]
        weight = -1 if seed is None else self._number(seed)
        return [Value(self, number) for number in self._native.gradients(self._number(loss), numbers, weight)]

    def json(self) -> Json:
        return json.loads(self._native.json())

    def _number(self, value: Value) -> int:
        if not isinstance(value, Value):
            raise TypeError(f"A Value is needed (given: {value!r}); Graph.input makes one, or the operator constant.")
        if value.graph is not self:
            raise ValueError("A value belongs to the graph that made it.")
        return value.number

    def _about(self) -> str:
        return f"of {len(self.json()['nodes'])} nodes"


class Plan(_Object):
    """A graph compiled for a device; tensors: which tensor each value is bound to."""

    __slots__ = ()

    def __init__(self, device: Device, graph: Graph, tensors: Mapping[Value, Tensor]) -> None:
        bindings = _native.Bindings()
        for value, tensor in tensors.items():
            bindings.bind(graph._number(value), _of(tensor, Tensor))
        self._native = _native.Plan(_of(device, Device), graph._native, bindings)

    @property
    def workspace(self) -> int:
        return self._native.workspace()

    def run_async(self) -> int:
        return self._native.run_async()

    def run(self) -> None:
        self._native.run()

    def _about(self) -> str:
        return f"with {self.workspace} bytes of its own"


# ---- data ----------------------------------------------------------------------------------------------------------


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


# ---- models --------------------------------------------------------------------------------------------------------


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


# ---- training ------------------------------------------------------------------------------------------------------


class _Rule(_Object):
    __slots__ = ("name", "options")
    name: str
    options: Json

    def _about(self) -> str:
        return ", ".join([self.name, *(f"{name}={value!r}" for name, value in self.options.items())])


class Optimizer(_Rule):
    __slots__ = ()

    def __init__(self, name: str, **options: Any) -> None:
        self._native = _native.Optimizer(name, _options(options))
        self.name, self.options = name, options


class Schedule(_Rule):
    __slots__ = ()

    def __init__(self, name: str, **options: Any) -> None:
        self._native = _native.Schedule(name, _options(options))
        self.name, self.options = name, options

    def factor(self, step: int, steps: int, steps_per_epoch: int) -> float:
        return self._native.factor(step, steps, steps_per_epoch)

    def plan(self, optimizer: Optimizer, **options: Any) -> Json:
        return json.loads(self._native.plan_json(_of(optimizer, Optimizer), _options(options)))


class Trainer(_Object):
    """Trains a model on a data set. step() makes one update; a loop over the trainer makes all of them; so does run()."""

    __slots__ = ()

    def __init__(
        self,
        model: Model,
        dataset: Dataset,
        optimizer: Union[Optimizer, str] = "radam",
        schedule: Union[Schedule, str] = "constant",
        **options: Any,
    ) -> None:
        rule = Optimizer(optimizer) if isinstance(optimizer, str) else optimizer
        plan = Schedule(schedule) if isinstance(schedule, str) else schedule
        self._native = _native.Trainer(
            _of(model, Model), _of(dataset, Dataset), _of(rule, Optimizer), _of(plan, Schedule), _options(options)
        )

    def step(self) -> bool:
        """Makes one parameter update, a few steps ahead of the device; False when all epochs were done already."""
        return self._native.step()

    def progress(self, wait: bool = False) -> Progress:
        return progress_of(self._native.progress(wait))

    def save(self, path: Path) -> None:
        self._native.save(os.fspath(path))

    def resume(self, path: Path) -> None:
        self._native.resume(os.fspath(path))

    def log(self, tag: str, value: float) -> None:
        self._native.log(tag, value)

    def swap_average(self) -> None:
        self._native.swap_average()

    def __iter__(self) -> Iterator[Progress]:
        """Makes a step, and says where the training stands; the last is of all steps."""
        standing = self.progress()
        while self.step():
            standing = self.progress(wait=standing.step + 1 >= standing.steps)
            yield standing

    def run(
        self, progress: Union[bool, Callable[[Progress], Any]] = False, *, steps: Optional[int] = None
    ) -> List[Progress]:
        """Trains to the end, or `steps` steps. progress: True for a bar, or a function that is told of every step. Returns
        where the training stood after each step, which lemnos.plot.curves draws."""
        history: List[Progress] = []
        bar = Bar() if progress is True else None
        try:
            for standing in self:
                history.append(standing)
                if bar:
                    bar.show(standing)
                elif callable(progress):
                    progress(standing)
                if steps is not None and len(history) >= steps:
                    break
        finally:
            if bar:
                bar.close()
        return history

    def _about(self) -> str:
        standing = self.progress()
        return f"at step {standing.step} of {standing.steps}, loss {standing.loss:.4f}"


# ---- prediction ----------------------------------------------------------------------------------------------------


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


# ---- help ----------------------------------------------------------------------------------------------------------


def _document() -> None:
    """Gives the comments of lemnos.h to what has no help of its own."""
    for name, text in DOCS.items():
        owner, _, method = name.removesuffix("_json").rpartition(".")
        scope = globals().get(owner) if owner else None
        entry = vars(scope).get(method) if isinstance(scope, type) else globals().get(method)
        entry = getattr(entry, "__func__", entry)
        if isinstance(entry, (types.FunctionType, property)) and not entry.__doc__:
            entry.__doc__ = text


_document()
