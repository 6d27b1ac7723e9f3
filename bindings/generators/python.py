"""Python: functions for operators, named tuples for structures, help and .pyi files."""

import ast
import json
import keyword
import os
import re
import textwrap

from .interface import BINDINGS, WIDTH, default_of, help_texts, operators, read, structures

KINDS = {
    "integer": "int",
    "real": "float",
    "boolean": "bool",
    "text": "str",
    "choice": "str",
    "integers": "Sequence[int]",
    "reals": "Sequence[float]",
    "texts": "Sequence[str]",
}
TYPES = {"int32_t": "int", "int64_t": "int", "double": "float"}
#: The modules whose help is in lemnos.h; editors and type checkers, which run nothing, find it in a .pyi file of each.
STUBS = ("library", "device", "graph", "data", "model", "training", "prediction")


def identifier(name):
    return name + "_" if keyword.iskeyword(name) else name


def docstring(text, indent):
    lines = []
    for paragraph in text.split("\n"):
        depth = len(paragraph) - len(paragraph.lstrip())
        lines += textwrap.wrap(
            paragraph, WIDTH - len(indent), subsequent_indent=" " * (depth + 4 if depth else 0)
        ) or [""]
    body = "\n".join((indent + line).rstrip() for line in lines).lstrip()
    body = body.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'{indent}"""{body}' + (f'\n{indent}"""' if len(lines) > 1 else '"""')


def operator_function(operator, stub):
    inputs = operator["inputs"]
    attributes = operator["attributes"]
    parameters = []
    for number, entry in enumerate(inputs):
        many = operator["variadic"] and number == len(inputs) - 1
        kind = "Sequence[Value]" if many else "Optional[Value]" if entry["optional"] else "Value"
        parameters.append(f"{identifier(entry['name'])}: {kind}" + (" = None" if entry["optional"] else ""))
    if not inputs:
        parameters.append("graph: Graph")
    if attributes:
        parameters.append("*")
    for entry in sorted(attributes, key=lambda entry: not entry["required"]):
        kind = KINDS[entry["kind"]]
        if "choices" in entry:
            kind = "Literal[" + ", ".join(f'"{choice}"' for choice in entry["choices"]) + "]"
        parameters.append(f"{identifier(entry['name'])}: {kind if entry['required'] else f'Optional[{kind}] = None'}")
    outputs = operator["outputs"]
    name = operator["name"]
    results = "".join(part.capitalize() for part in name.split("_")) + "Results"
    kind = results if len(outputs) > 1 else "Value"

    lines = []
    if len(outputs) > 1:
        lines += ["", "", f"class {results}(NamedTuple):", docstring(f"What {name} gives.", "    "), ""]
        lines += [f"    {identifier(entry['name'])}: Value" for entry in outputs]
    lines += ["", "", f"def {identifier(name)}("]
    lines += [f"    {parameter}," for parameter in parameters]
    lines += [f") -> {kind}:"]
    text = [operator["summary"], ""]
    text += [f"    {entry['name']}: {entry['help']}" for entry in inputs]
    for entry in attributes:
        extra = default_of(entry)
        text.append(f"    {entry['name']}: {entry['help']}" + (f" ({extra})" if extra else ""))
    if len(outputs) > 1:
        text += ["", "Returns"] + [f"    {entry['name']}: {entry['help']}" for entry in outputs]
    if not operator["has_gradient"]:
        text += ["", "It has no gradient."]
    lines.append(docstring("\n".join(text), "    "))
    if stub:
        return lines + ["    ..."]
    variadic = inputs and operator["variadic"]
    single = [identifier(entry["name"]) for entry in (inputs[:-1] if variadic else inputs)]
    given = single + ([f"*{identifier(inputs[-1]['name'])}"] if variadic else [])
    if not inputs:
        graph = "graph"
    elif single:
        graph = f"{single[0]}.graph"
    else:
        graph = f"{identifier(inputs[-1]['name'])}[0].graph"
    arguments = [f'"{name}"'] + given + [f"{identifier(entry['name'])}={identifier(entry['name'])}" for entry in attributes]
    call = f"{graph}.op({', '.join(arguments)})"
    if len(outputs) == 1:
        return lines + [f"    return {call}"]
    rest = ", ".join(f"first.result({index})" for index in range(1, len(outputs)))
    return lines + [f"    first = {call}", f"    return {results}(first, {rest})"]


def operators_module(stub):
    lines = [
        '"""The operators of a graph, each as a function of values; made from what the library says about them."""',
        "",
        "from typing import NamedTuple, Optional, Sequence",
        "",
        "from .graph import Graph, Value",
    ]
    if stub:
        lines[2] = "from typing import Literal, NamedTuple, Optional, Sequence"
    for operator in operators():
        lines += operator_function(operator, stub)
    text = "\n".join(lines) + "\n"
    return text if stub else re.sub(r"Literal\[.*?\]", "str", text)


def values_module():
    lines = ['"""What calls return, as tuples with names: the structures of lemnos.h."""', "", "from typing import Any, NamedTuple"]
    for name, structure in structures().items():
        lines += ["", "", f"class {name}(NamedTuple):"]
        for kind, member, comment in structure.members:
            lines.append(f"    {identifier(member)}: {TYPES[kind]}")
            if comment:
                lines.append(docstring(comment[0].upper() + comment[1:] + ".", "    "))
        snake = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        given = ", ".join(f"native.{member}" for _, member, _ in structure.members)
        lines += ["", "", f"def {snake}_of(native: Any) -> {name}:"]
        lines += textwrap.wrap(f"return {name}({given})", WIDTH, initial_indent="    ", subsequent_indent="        ")
    return "\n".join(lines) + "\n"


class Stub(ast.NodeTransformer):
    """Source without bodies, with the header's comments for help."""

    def __init__(self, texts):
        self.texts = texts
        self.owner = ""

    def visit_ClassDef(self, node):
        self.owner, outer = node.name, self.owner
        node.body = [self.visit(item) for item in node.body if not self.hidden(item)] or [ast.Expr(ast.Constant(...))]
        self.owner = outer
        return node

    def visit_FunctionDef(self, node):
        name = f"{self.owner}.{node.name}" if self.owner else node.name
        text = ast.get_docstring(node) or self.texts.get(name) or self.texts.get(name + "_json")
        node.body = [ast.Expr(ast.Constant(text))] if text else []
        node.body.append(ast.Expr(ast.Constant(...)))
        return node

    def hidden(self, item):
        return isinstance(item, ast.Assign) and any(getattr(target, "id", "") == "__slots__" for target in item.targets)


def module_stub(module, texts):
    tree = ast.parse(read(os.path.join(BINDINGS, "python", "lemnos", module + ".py")))
    stub = Stub(texts)
    tree.body = [
        stub.visit(item)
        for item in tree.body
        if not isinstance(item, (ast.For, ast.Expr))
        and not (isinstance(item, ast.FunctionDef) and item.name.startswith("_"))
        and not (isinstance(item, ast.AnnAssign) and item.target.id.startswith("_"))
    ]
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def files():
    texts = help_texts()
    for name in structures():
        texts.pop(name, None)
    table = "".join(f"    {key!r}: {textwrap.fill(text, WIDTH)!r},\n" for key, text in sorted(texts.items()))
    return {
        "operators.py": operators_module(stub=False),
        "operators.pyi": operators_module(stub=True),
        "_docs.py": f'"""The comments of lemnos.h."""\n\nDOCS = {{\n{table}}}\n',
        "_values.py": values_module(),
        **{f"{module}.pyi": module_stub(module, texts) for module in STUBS},
    }
