"""C#: methods for operators, structures, exceptions, and what SWIG is told."""

import os
import re
import textwrap

from .interface import HEADER, OBJECTS, WIDTH, calls, default_of, errors, help_texts, operators, read, structures

KINDS = {
    "integer": "long?",
    "real": "double?",
    "boolean": "bool?",
    "text": "string?",
    "choice": "string?",
    "integers": "long[]?",
    "reals": "double[]?",
    "texts": "string[]?",
}
TYPES = {"int32_t": "int", "int64_t": "long", "float": "float", "double": "double"}
KEYWORDS = "base bool break case char class const default do double else event false fixed float for if in int is lock long new null object operator out params ref return string switch this true using while".split()
# What would be confused with a class of the system.
EXCEPTIONS = {"TIMEOUT": "DeviceTimeout"}
HEAD = "// Made by bindings/generate.\n#nullable enable\nusing System.Collections.Generic;\nusing System.Linq;\n\nnamespace Lemnos\n{"


def pascal(name):
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def camel(name):
    name = pascal(name)
    name = name[0].lower() + name[1:]
    return "@" + name if name in KEYWORDS else name


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def comment(text, indent, tag="summary", name=""):
    start = f'<{tag} name="{name}">' if name else f"<{tag}>"
    lines = textwrap.wrap(f"{start}{escape(text)}</{tag.split()[0]}>", WIDTH - len(indent) - 4, break_long_words=False)
    return [f"{indent}/// {line}" for line in lines]


def operator_method(operator):
    inputs, outputs, name = operator["inputs"], operator["outputs"], operator["name"]
    attributes = sorted(operator["attributes"], key=lambda entry: not entry["required"])
    variadic = operator["variadic"] and inputs
    indent = 8 * " "
    summary = operator["summary"] + ("" if operator["has_gradient"] else " It has no gradient.")
    lines = comment(summary, indent)
    parameters = []
    for number, entry in enumerate(inputs):
        many = variadic and number == len(inputs) - 1
        kind = "IEnumerable<Value>" if many else "Value?" if entry["optional"] else "Value"
        parameters.append((kind, camel(entry["name"]), entry["optional"], entry["help"]))
    if not inputs:
        parameters.append(("Graph", "graph", False, "The graph that it is added to."))
    for entry in attributes:
        kind = KINDS[entry["kind"]]
        extra = default_of(entry)
        words = entry["help"] + (f" ({extra})" if extra else "")
        parameters.append((kind.rstrip("?") if entry["required"] else kind, camel(entry["name"]), not entry["required"], words))
    for _, parameter, _, words in parameters:
        lines += comment(words, indent, "param", parameter.lstrip("@"))
    needed = [entry for entry in parameters if not entry[2]] + [entry for entry in parameters if entry[2]]
    if len(outputs) > 1:
        lines += comment("; ".join(f"{pascal(entry['name'])}: {entry['help']}" for entry in outputs), indent, "returns")
    results = ", ".join(f"Value {pascal(entry['name'])}" for entry in outputs)
    kind = f"({results})" if len(outputs) > 1 else "Value"
    first = camel(inputs[0]["name"]) if inputs else "graph"
    this = "this " if needed[0][1] == first else ""
    given = ", ".join(f"{kind} {parameter}" + (" = null" if optional else "") for kind, parameter, optional, _ in needed)
    lines += textwrap.wrap(f"public static {kind} {pascal(name)}({this}{given})", WIDTH, initial_indent=indent,
                           subsequent_indent=indent + 4 * " ")  # fmt: skip
    single = [camel(entry["name"]) for entry in (inputs[:-1] if variadic else inputs)]
    values = "new Value?[] { " + ", ".join(single) + " }" if single else "new Value?[0]"
    if variadic:
        values += f".Concat({camel(inputs[-1]['name'])}.Select(each => (Value?)each))"
    graph = "graph" if not inputs else f"{first}.Graph" if single else f"{first}.First().Graph"
    arguments = [f'"{name}"', values] + [f'("{entry["name"]}", (object?){camel(entry["name"])})' for entry in attributes]
    arguments += ["(object?)null"] if not attributes else []
    lines += [f"{indent}{{"]
    call = f"{graph}.Op({', '.join(arguments)})"
    lines += textwrap.wrap(f"var first = {call};" if len(outputs) > 1 else f"return {call};", WIDTH,
                           initial_indent=indent + 4 * " ", subsequent_indent=indent + 8 * " ", break_long_words=False)  # fmt: skip
    if len(outputs) > 1:
        rest = ", ".join(f"first.Result({index})" for index in range(1, len(outputs)))
        lines += [f"{indent}    return (first, {rest});"]
    return lines + [f"{indent}}}", ""]


def operators_class():
    lines = [HEAD, *comment("The operators of a graph, each as a method of values.", 4 * " ")]
    lines += ["    public static class Operators", "    {"]
    for operator in operators():
        lines += operator_method(operator)
    return "\n".join(lines[:-1] + ["    }", "}", ""])


def exception_name(name):
    return (EXCEPTIONS.get(name) or pascal(name.lower())) + "Exception"


def exception_classes():
    """LEM_ERROR_NOT_FOUND is NotFoundException; the header's words, where it has any, are its help."""
    lines, cases = [HEAD], []
    for name, code, words in errors():
        kind = exception_name(name)
        words = words or name.lower().replace("_", " ")
        lines += comment(f"{words[0].upper()}{words[1:]}.", 4 * " ")
        lines += [f"    public sealed class {kind} : LemnosException", "    {"]
        lines += [f"        internal {kind}(string message, long step) : base({code}, message, step) {{ }}", "    }", ""]
        cases += [f"                case {code}: return new {kind}(message, step);"]
    lines += ["    public partial class LemnosException", "    {"]
    lines += ["        internal static LemnosException Of(int code, string message, long step)", "        {"]
    lines += ["            switch (code)", "            {", *cases]
    lines += ["                default: return new LemnosException(code, message, step);"]
    return "\n".join(lines + ["            }", "        }", "    }", "}", ""])


def structures_file():
    lines = [HEAD]
    for name, structure in structures().items():
        lines += comment(structure.about, 4 * " ")
        layout = "System.Runtime.InteropServices.StructLayout(System.Runtime.InteropServices.LayoutKind.Sequential)"
        lines += [f"    [{layout}]", f"    public readonly struct {name}", "    {"]
        lines += [f"        private readonly {TYPES[kind]} {camel(member)};" for kind, member, _ in structure.layout]
        for kind, member, words in structure.members:
            words = words or f"The {member.replace('_', ' ')}"
            lines += ["", *comment(words[0].upper() + words[1:] + ".", 8 * " ")]
            lines += [f"        public {TYPES[kind]} {pascal(member)} => {camel(member)};"]
        lines += ["    }", ""]
    return "\n".join(lines[:-1] + ["}", ""])


def in_own_names(text, names):
    """A comment of lemnos.h in C#'s names."""
    text = re.sub(r"LEM_ERROR_(\w+)", lambda match: exception_name(match[1]), text)
    text = text.replace("LEM_FINISHED", "False").replace("LEM_NOT_READY", "False").replace("NULL", "null")
    return re.sub(r"\blem_\w+(\(\))?", lambda match: names.get(match[0].rstrip("()"), match[0]), text)


def swig_interface():
    """For every method its help, or, where lemnos.h has no words for it, the name of the function that it calls."""
    texts = help_texts()
    names = {}
    for method, functions in calls().items():
        owner, _, name = method.rpartition(".")
        names[functions[0]] = f"{owner or 'Library'}.{pascal(name)}" if owner or method[:1].islower() else method
    lines = []
    for method, functions in sorted(calls().items()):
        if not method:
            continue
        method = {"Bindings.plan": "Plan"}.get(method, method)
        text = texts.get(method) or f"Calls {functions[-1]}."
        target = method.replace(".", "::") if "." in method or method[0].islower() else f"{method}::{method}"
        words = "\n".join(comment(in_own_names(text, names), "  ")).strip().replace("%}", "% }")
        lines.append(f"%csmethodmodifiers lemnos::binding::{target} %{{{words}\n  public%}}")
    for name in re.findall(r"^ +(LEM_DTYPE_[A-Z]+[0-9]+) =", read(HEADER), re.M):
        lines.append(f"%csattributes {name} %{{/// <summary>{name}.</summary>%}}")
    for name, structure in structures().items():
        lines.append(f"LEMNOS_CSHARP_VALUE({structure.native}, {name})")
    return "\n".join(lines) + "\n"


def files():
    return {
        "Operators.cs": operators_class(),
        "Exceptions.cs": exception_classes(),
        "Values.cs": structures_file(),
        "help.i": swig_interface(),
    }


def rename_parameters(folder):
    names = set(re.findall(r"\b([a-z]+(?:_[a-z]+)+)[,)]", re.sub(r"//.*", "", read(OBJECTS))))
    names = {name for name in names if not name.startswith(("lem_", "std_"))}
    pattern = re.compile(r"\b(" + "|".join(sorted(names)) + r")(?=\b|_pinned)")
    for name in os.listdir(folder):
        if name.endswith(".cs") and not name.endswith("PINVOKE.cs"):
            path = os.path.join(folder, name)
            text = read(path)
            changed = pattern.sub(lambda match: camel(match[1]), text).replace("out_", "into") # "out" is C#'s own
            if changed != text:
                with open(path, "w", encoding="utf-8") as file:
                    file.write(changed)
