"""What must hold of the interface as a whole: everything is reachable, nothing is opaque, what is generated is current."""

import json
import os
import re
import subprocess
import sys

import lemnos
from lemnos import _native

SOURCE = os.environ["LEMNOS_SOURCE"]
BUILD = os.environ["LEMNOS_BUILD"]
PACKAGE = os.path.join(BUILD, "bindings", "python", "lemnos")
STUBS = sorted(name for name in os.listdir(PACKAGE) if name.endswith(".pyi"))

#: Functions of lemnos.h that no binding calls, with the reason.
NOT_CALLED = {
    "lem_device_retain": "an object of a language holds one reference; sharing it is the language's own business",
    "lem_tensor_retain": "the same",
    "lem_model_retain": "the same",
    "lem_dataset_retain": "the same",
}


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def test_every_function_is_reachable():
    symbols = set(read(SOURCE, "capi", "lemnos.symbols").split())
    assert len(symbols) > 70
    done = subprocess.run(
        [sys.executable, os.path.join(SOURCE, "bindings", "generate"), "--functions"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    called = set(done.stdout.split())
    assert symbols - called == set(NOT_CALLED), "objects.h calls these not, or they are on the list for nothing"
    assert called <= symbols


def test_every_native_method_is_used_by_the_package():
    """What objects.h has and Python's files do not mention cannot be reached from Python."""
    folder = os.path.join(SOURCE, "bindings", "python", "lemnos")
    package = "".join(read(folder, name) for name in os.listdir(folder) if name.endswith(".py"))
    ours = {"append", "next", "acquire", "own", "disown", "this", "thisown"}  # of every object that SWIG makes
    missing = []
    for name, native in vars(_native).items():
        if name.startswith("_") or name.endswith("_for_tests") or name in ("Progress", "Metrics", "ModelInput", "ImageSize"):
            continue
        if isinstance(native, type):
            methods = [method for method in vars(native) if not method.startswith("_") and method not in ours]
            missing += [f"{name}.{method}" for method in methods if not re.search(rf"\b{method}\(", package)]
            missing += [name] if f"_native.{name}" not in package else []
        elif callable(native) and f"_native.{name}(" not in package:
            missing.append(name)
    assert missing == []


def test_every_enumerator_is_there_without_sentinels():
    header = read(SOURCE, "capi", "include", "lemnos", "lemnos.h")
    names = re.findall(r"^ +LEM_(\w+) = ", header, re.M)
    assert len(names) > 20
    for name in names:
        name = name.replace("DTYPE_", "")
        assert hasattr(_native, name) == ("FORCE" not in name), name
    assert not [name for name in vars(_native) if "FORCE" in name or name.startswith(("lem_", "LEM_"))]
    assert {dtype.name for dtype in lemnos.Dtype} == set(re.findall(r"LEM_DTYPE_([A-Z]+\d+) ", header))


def test_structures_have_every_member():
    header = read(SOURCE, "capi", "include", "lemnos", "lemnos.h")
    for name, kind in (("progress", lemnos.Progress), ("metrics", lemnos.Metrics)):
        body = re.search(rf"typedef struct lem_{name} {{(.*?)}}", header, re.S)[1]
        body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
        members = re.findall(r"(\w+)\s*[,;]", body)
        assert [member for member in members if member not in ("struct_size", "reserved")] == list(kind._fields)


def test_no_handle_is_freed_and_nothing_is_opaque():
    generated = read(BUILD, "bindings", "python", "generated", "native.cpp")
    assert len(generated) > 100_000
    # SWIG frees its own temporary strings; a handle would be freed as lem_…
    assert not re.search(r"free\(\(char \*\) *(arg1|result)", generated)
    assert not re.search(r"free\([^)]*lem_", generated)
    for name in vars(_native):
        assert "SWIGTYPE" not in name and "_p_" not in name
    for stub in STUBS:
        assert "SWIG" not in read(PACKAGE, stub)
    opaque = set(re.findall(r"SWIG_ConvertPtr\(\w+(?:\[\d\])?, &\w+, SWIGTYPE_p_(\w+)", generated))
    allowed = {name for name in opaque if name.startswith("lemnos__binding__") or name in ("lem_progress", "lem_metrics")}
    assert opaque == allowed


def test_operators_are_those_of_the_library():
    """bindings/common/operators.json is made by: lemnos._native.operators_json()."""
    assert json.loads(read(SOURCE, "bindings", "common", "operators.json")) == lemnos.operators_info()


def documented():
    """(name, thing, module) of what has its help from lemnos.h: all that is public, except the exceptions."""
    for name, thing in vars(lemnos).items():
        package, _, module = (getattr(thing, "__module__", None) or "").partition(".")
        if package == "lemnos" and module != "errors" and not module.startswith("_"):
            yield name, thing, module


def test_star_brings_no_modules():
    names = {}
    exec("from lemnos import *", names)
    assert {"Device", "Model", "Trainer", "LemnosError", "operators", "operators_info"} <= names.keys()
    assert not {"device", "data", "model", "json", "Dict", "Optional"} & names.keys()


def test_help_comes_from_the_header():
    assert lemnos.Device.close.__doc__.startswith("Waits for all work")
    assert "prepare" in dir(lemnos.Model) and "class names" in lemnos.Model.prepare.__doc__
    assert lemnos.Trainer.save.__doc__.startswith("Writes parameters, statistics, optimizer state")
    without = []
    for name, kind, _ in documented():
        if not kind.__doc__:
            without.append(name)
        if not isinstance(kind, type):
            continue
        for method, value in vars(kind).items():
            if not method.startswith("_") and (callable(value) or isinstance(value, (property, classmethod))):
                value = getattr(value, "__func__", value)
                if not value.__doc__:
                    without.append(f"{name}.{method}")
    assert without == []


def test_stubs_define_what_the_package_has():
    import ast

    defined = {}
    for stub in STUBS:
        body = ast.parse(read(PACKAGE, stub)).body
        defined[stub] = {node.name for node in body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    assert len(defined["operators.pyi"]) > 20
    ours = [(name, module + ".pyi") for name, _, module in documented()]
    assert len(ours) > 20
    assert [name for name, stub in ours if name not in defined.get(stub, ())] == []
