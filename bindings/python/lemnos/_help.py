"""The comments of lemnos.h as the help of this package."""

import types
from typing import Any, Dict

from ._docs import DOCS


def document(names: Dict[str, Any]) -> None:
    """Gives the comments of lemnos.h to what, of these names and their methods, has no help of its own."""
    for name, text in DOCS.items():
        owner, _, method = name.removesuffix("_json").rpartition(".")
        scope = names.get(owner) if owner else None
        scope = vars(scope) if isinstance(scope, type) else names
        for entry in (scope.get(method), scope.get(f"{method}_info")):  # operators is a module: operators_info()
            entry = getattr(entry, "__func__", entry)
            if isinstance(entry, (types.FunctionType, property)) and not entry.__doc__:
                entry.__doc__ = text
