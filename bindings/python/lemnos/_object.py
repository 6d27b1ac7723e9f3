"""What all objects share. What a method does stands in lemnos.h; it is this package's help as well (_help.py)."""

import json
import os
from typing import Any, Dict, Mapping, Union

from . import errors

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
