"""What calls return, as plain tuples with names: the members of the structures of lemnos.h, so a new one is here at once."""

from collections import namedtuple
from typing import Any, Callable, Tuple

from . import _native


def _tuple_of(name: str, native: Any) -> Tuple[Any, Callable[[Any], Any]]:
    members = [member for member, kind in vars(native).items() if type(kind).__name__ == "getset_descriptor"]
    members = [member for member in members if member not in ("this", "thisown") and not member.startswith("_")]
    kind = namedtuple(name, members, module="lemnos")
    return kind, lambda value: kind._make([getattr(value, member) for member in members])


Progress, progress_of = _tuple_of("Progress", _native.Progress)
Metrics, metrics_of = _tuple_of("Metrics", _native.Metrics)
ModelInput, model_input_of = _tuple_of("ModelInput", _native.ModelInput)
