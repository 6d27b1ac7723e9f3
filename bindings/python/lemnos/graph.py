"""Graphs of operators and their values, and plans, which run them on a device."""

import json
from typing import Any, List, Mapping, Optional, Sequence, Tuple

from . import _native
from ._memory import DtypeLike, dtype_of
from ._object import Json, _Object, _of, _options
from .device import Device, Tensor


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
