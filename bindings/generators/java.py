"""Java: methods for operators, records for structures, classes for errors, and what SWIG is told."""

import re
import textwrap

from .interface import (
    WIDTH,
    default_of,
    errors,
    handles,
    help_texts,
    operators,
    signatures,
    structures,
)

#: The types of attributes in Java, and those of setters of lists.
KINDS = {
    "integer": "long",
    "real": "double",
    "boolean": "boolean",
    "text": "String",
    "integers": "long[]",
    "reals": "double[]",
    "texts": "String[]",
}
#: Of methods that take options.
TYPES = {
    "std::string": "String",
    "Shape": "long[]",
    "Values": "int[]",
    "const std::string &": "String",
    "int32_t": "int",
    "int64_t": "long",
    "double": "double",
    "bool": "boolean",
    "lem_dtype": "Dtype",
    "const int32_t * values": "Value[]",
    "const int32_t * labels": "int[]",
    "const void * data": "java.nio.ByteBuffer",
    "void * data": "java.nio.ByteBuffer",
    "const float * values": "float[]",
    "float * out": "float[]",
}
WORDS = set(
    """abstract assert boolean break byte case catch char class const continue default do double else enum extends final
    finally float for goto if implements import instanceof int interface long native new package private protected public
    return short static strictfp super switch synchronized this throw throws transient try void volatile while true false
    null wait notify""".split()
)
#: Of what lemnos.h says nothing about by itself.
TEXTS = {
    "close": "Frees it at once, or when a call on it that is still running has ended. Closing twice is no error.",
    "closed": "Whether it was closed.",
    "Device.take_log": "The lines of the log since it was last taken, of a device that keeps it.",
    "Tensor.dtype": "The type of the elements.",
    "Tensor.bytes": "The size of all elements in bytes.",
    "Graph.shape": "The extents of a value; empty for one number.",
}
NOTE = "// Made by bindings/generate.\n"


def camel(name):
    """mean_squared_error: meanSquaredError, and with a capital for classes."""
    first, *rest = name.split("_")
    word = first + "".join(part.capitalize() for part in rest)
    return word + "_" if word in WORDS else word


def capital(name):
    return "".join(part.capitalize() for part in name.split("_"))


def javadoc(text, indent="", tags=()):
    """A comment; tags: [("param x", text)]."""
    escape = lambda words: re.sub(r"\*/", "*&#47;", words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;"))  # fmt: skip
    blocks = [escape(text or "…")] + [f"@{tag} {escape(words)}" for tag, words in tags]
    lines = []
    for number, block in enumerate(blocks):
        if number == 1:
            lines.append("")
        lines += textwrap.wrap(block, WIDTH - len(indent) - 3, subsequent_indent="    " if number else "")
    body = "".join((indent + " * " + line).rstrip() + "\n" for line in lines)
    return f"{indent}/**\n{body}{indent} */\n"


def sentence(text):
    text = text.strip()
    if re.match(r"[a-z]{2}", text):
        text = text[0].upper() + text[1:]
    return text + ("" if text.endswith((".", "!", "?")) else ".")


def operator_methods(operator):
    """The methods of an operator, and the class of its attributes that may be left out."""
    name, inputs, outputs = operator["name"], operator["inputs"], operator["outputs"]
    needed = [entry for entry in operator["attributes"] if entry["required"]]
    optional = [entry for entry in operator["attributes"] if not entry["required"]]
    kind = capital(name)
    result = kind + "Results" if len(outputs) > 1 else "Value"
    text = sentence(operator["summary"]) + ("" if operator["has_gradient"] else " It has no gradient.")

    def kind_of(entry):
        return f"{kind}.{capital(entry['name'])}" if "choices" in entry else KINDS[entry["kind"]]

    def about(entry):
        extra = default_of(entry)
        return sentence(entry["help"].rstrip(".") + (f" ({extra})" if extra else ""))

    out = ""
    if len(outputs) > 1:
        tags = [("param " + camel(entry["name"]), sentence(entry["help"])) for entry in outputs]
        members = ", ".join("Value " + camel(entry["name"]) for entry in outputs)
        out += "\n" + javadoc(f"What {camel(name)} gives.", "  ", tags) + f"  public record {result}({members}) {{}}\n"
    choices = [entry for entry in operator["attributes"] if "choices" in entry]
    if optional or choices:
        out += "\n" + javadoc(f"Attributes of {camel(name)}; what is not set keeps its default.", "  ")
        out += f"  public static final class {kind} {{\n    private final Map<String, Object> set = new LinkedHashMap<>();\n"
        out += "\n" + javadoc("All defaults.", "    ") + f"    public {kind}() {{}}\n"
        for entry in choices:
            out += "\n" + javadoc("Choices of " + entry["name"] + ".", "    ")
            constants = ",\n".join(
                javadoc(f'The library\'s "{choice}".', "      ") + f'      {choice.upper()}("{choice}")'
                for choice in entry["choices"]
            )
            out += f"    public enum {capital(entry['name'])} {{\n{constants};\n\n      private final String word;\n\n"
            out += f"      {capital(entry['name'])}(String word) {{\n        this.word = word;\n      }}\n\n"
            out += "      @Override\n      public String toString() {\n        return word;\n      }\n    }\n"
        for entry in optional:
            given = camel(entry["name"])
            tags = [("param " + given, "the value"), ("return", "these attributes")]
            parameter = kind_of(entry).replace("[]", "...").replace(kind + ".", "")
            out += "\n" + javadoc(about(entry), "    ", tags) + f"    public {kind} {given}({parameter} {given}) {{\n"
            out += f'      set.put("{entry["name"]}", {given});\n      return this;\n    }}\n'
        out += "  }\n"

    # With all inputs and without those that may be left out at the end; with attributes and without.
    many = bool(inputs and operator["variadic"])
    least = max((number + 1 for number, entry in enumerate(inputs) if not entry["optional"]), default=0)
    for count in sorted({len(inputs), least}):
        for with_attributes in [False, True] if optional else [False]:
            parameters, tags, values = [], [], []
            if not inputs:
                parameters.append("Graph graph")
                tags.append(("param graph", "The graph that is added to."))
            for number, entry in enumerate(inputs[:count]):
                array = many and number == len(inputs) - 1
                parameters.append(("Value[] " if array else "Value ") + camel(entry["name"]))
                extra = " (null: left out)" if entry["optional"] else ""
                tags.append(("param " + camel(entry["name"]), sentence(entry["help"].rstrip(".") + extra)))
                values.append(camel(entry["name"]))
            for entry in needed:
                parameters.append(f"{kind_of(entry)} {camel(entry['name'])}")
                tags.append(("param " + camel(entry["name"]), about(entry)))
            if with_attributes:
                parameters.append(f"{kind} attributes")
                tags.append(("param attributes", "What differs from the defaults."))
            parameters[-1] = parameters[-1].replace("[] ", "... ")
            tags.append(("return", "The values." if len(outputs) > 1 else sentence(outputs[0]["help"])))
            graph = "graph" if not inputs else values[0] + ("[0]" if many and count == 1 else "") + ".graph()"
            given = values[0] if many and count == 1 else f"new Value[] {{{', '.join(values)}}}"
            if many and count > 1:
                given = f"join({values[-1]}, {', '.join(values[:-1])})"
            out += "\n" + javadoc(text, "  ", tags)
            head = f"public static {result} {camel(name)}({', '.join(parameters)}) {{"
            out += "\n".join(textwrap.wrap(head, WIDTH, initial_indent="  ", subsequent_indent=" " * 6)) + "\n"
            if needed or with_attributes:
                first = "attributes.set" if with_attributes else ""
                out += f"    Map<String, Object> set = new LinkedHashMap<>({first});\n"
                out += "".join(f'    set.put("{entry["name"]}", {camel(entry["name"])});\n' for entry in needed)
                call = f'{graph}.op("{name}", {given}, set)'
            else:
                call = f'{graph}.op("{name}", {given}, "")'
            if len(outputs) == 1:
                out += f"    return {call};\n  }}\n"
            else:
                rest = ", ".join(f"first.result({index})" for index in range(1, len(outputs)))
                out += f"    Value first = {call};\n    return new {result}(first, {rest});\n  }}\n"
    return out


def operators_class():
    out = "package org.lemnos;\n\nimport java.util.LinkedHashMap;\nimport java.util.Map;\n\n" + NOTE
    out += javadoc("The operators of a graph, each as a method of values.") + "public final class Operators {\n"
    out += "  private Operators() {}\n"
    for operator in operators():
        out += operator_methods(operator)
    if any(operator["variadic"] and len(operator["inputs"]) > 1 for operator in operators()):
        out += "\n  private static Value[] join(Value[] last, Value... first) {\n"
        out += "    Value[] all = java.util.Arrays.copyOf(first, first.length + last.length);\n"
        out += "    System.arraycopy(last, 0, all, first.length, last.length);\n    return all;\n  }\n"
    return out + "}\n"


def error_classes():
    """A class for each error, and the one that makes them."""
    files, cases = {}, ""
    for name, code, text in errors():
        kind = capital(name if name != "TIMEOUT" else "WAIT_TIMEOUT") + "Exception" # there is a TimeoutException in Java
        help = sentence(text or capital(name)[0] + name[1:].lower().replace("_", " "))
        files[kind + ".java"] = (
            f"package org.lemnos;\n\n{NOTE}{javadoc(help)}public final class {kind} extends LemnosException {{\n"
            f"  private static final long serialVersionUID = 1;\n\n"
            f"  {kind}(String message, long step) {{\n    super({code}, message, step);\n  }}\n}}\n"
        )
        cases += f"      case {code} -> new {kind}(text, step);\n"
    files["Failures.java"] = (
        f"package org.lemnos;\n\n{NOTE}final class Failures {{\n"
        f"  static final int[] CODES = {{{', '.join(str(code) for _, code, _ in errors())}}};\n\n  private Failures() {{}}\n\n"
        "  /** Called by the native library. */\n"
        "  static LemnosException of(int code, byte[] sentence, long step) {\n    String text = Text.of(sentence);\n"
        f"    return switch (code) {{\n{cases}      default -> new LemnosException(code, text, step);\n    }};\n  }}\n}}\n"
    )
    return files


def records():
    """Each structure as a record made of 64 bits a member; C++ gives them, and SWIG puts the two together."""
    files, header, interface = {}, "", ""
    kinds = {"int32_t": "int", "int64_t": "long", "double": "double"}
    for name, structure in structures().items():
        native, members = structure.native, structure.members
        tags = [("param " + camel(member), sentence(help or member)) for _, member, help in members]
        fields = ", ".join(f"{kinds[kind]} {camel(member)}" for kind, member, _ in members)
        given = {"int": "(int) members[{}]", "long": "members[{}]", "double": "Double.longBitsToDouble(members[{}])"}
        values = ", ".join(given[kinds[kind]].format(number) for number, (kind, _, _) in enumerate(members))
        wrap = lambda line: "\n".join(textwrap.wrap(line, WIDTH, subsequent_indent="      "))
        files[name + ".java"] = (
            f"package org.lemnos;\n\n{NOTE}{javadoc(structure.about, '', tags)}"
            + wrap(f"public record {name}({fields}) {{") + f"\n  {name}(long[] members) {{\n"
            + "    " + wrap(f"this({values});") + "\n  }\n}\n"
        )  # fmt: skip
        bits = [f"bits({member})" for member in (f"given.{member}" for _, member, _ in members)]
        header += f"inline std::vector<int64_t> members_of(const {native} &given) {{\n    return {{{', '.join(bits)}}};\n}}\n"
        interface += f"LEMNOS_RECORD({native}, {name})\n"
    files["records.h"] = (
        "// The members of structures, 64 bits each. Made by bindings/generate.\n#pragma once\n\n#include \"objects.h\"\n\n"
        "#include <bit>\n\ninline int64_t bits(int64_t value) { return value; }\n"
        "inline int64_t bits(int32_t value) { return value; }\n"
        "inline int64_t bits(double value) { return std::bit_cast<int64_t>(value); }\n\n" + header
    )
    return files, interface


def java_type(kind, name=""):
    """Java's type of one of objects.h; of an array, which has a length behind it, by its name."""
    known = TYPES.get(kind) or TYPES.get(f"{kind} {name}")
    if known:
        return known
    return capital(kind[4:]) if kind.startswith("lem_") else re.sub(r"const | ?[&*]", "", kind)


def options_methods(owner, name, returns, static, given, text):
    """Methods that take the options, which JSON's text is for, as a map or not at all."""
    at = next((number for number, entry in enumerate(given) if entry[1] in ("options", "attributes")), None)
    if at is None:
        return ""
    result = "Value" if (owner, name) == ("Graph", "op") else java_type(returns)
    parameters, arguments, position, skip = [], [], 0, False
    for number, (kind, parameter) in enumerate(given):
        if skip:
            skip = False
            continue
        java = java_type(kind, parameter)
        skip = "*" in kind
        if number == at:
            position = len(parameters)
        parameters.append(f"{java} {camel(parameter)}")
        arguments.append(camel(parameter))
    out = ""
    for map_given in (True, False):
        head, call, tags = list(parameters), list(arguments), []
        if map_given:
            head[position] = f"java.util.Map<String, ?> {arguments[position]}"
            call[position] = f"Json.text({arguments[position]})"
        else:
            del head[position]
            call[position] = '""'
        for parameter in head:
            word = parameter.split()[-1]
            about = "names and values; what is not named keeps its default" if word in ("options", "attributes") else word
            tags.append(("param " + word, about))
        if name == owner:
            opening, body = f"public {owner}(", f"this({', '.join(call)});"
        else:
            if result != "void":
                tags.append(("return", "what was asked for"))
            opening = f"public {'static ' if static or not owner else ''}{result} {camel(name)}("
            body = f"{'return ' if result != 'void' else ''}{camel(name)}({', '.join(call)});"
        out += javadoc(text or "…", "  ", tags) + f"  {opening}{', '.join(head)}) {{\n    {body}\n  }}\n\n"
    return out


def swig_interface(records):
    """Help for what SWIG writes, and what it cannot write."""
    texts, overloads = {**TEXTS, **help_texts()}, {}
    out = "/* Made by bindings/generate. */\n" + records
    texts_of_classes = {**handles(), "Tensor": "Numbers in a device's memory.", "Trainer": "Trains a model on a data set."}
    for owner, text in texts_of_classes.items():
        out += f"%typemap(javaimports) lemnos::binding::{owner} %{{\n{javadoc(text)}%}}\n"
    out += f"%pragma(java) moduleimports=%{{\n{javadoc('The library itself: what it can do, the devices of this machine, images.')}%}}\n"
    for owner in handles():
        if owner != "Text":
            for method in ("close", "closed"):
                if (owner, method) != ("Device", "close"):
                    out += swig_help(f"lemnos::binding::{owner}::{method}", TEXTS[method])
    for owner, name, returns, static, given in signatures():
        if owner == "Failure":
            continue
        text = texts.get(owner if name == owner else f"{owner}.{name}" if owner else name, "")
        full = "::".join(part for part in ("lemnos::binding", owner, name) if part)
        hidden = name.endswith("_for_tests") or name in ("version", "set_class_names")
        if owner != "Bindings" and not hidden and "Bindings" not in str(given):
            out += swig_help(full, text)
        overloads[owner] = overloads.get(owner, "") + options_methods(owner, name, returns, static, given, text)
    for owner, code in overloads.items():
        if code and not owner:
            out += f"%pragma(java) modulecode=%{{\n{code}%}}\n"
        elif code:
            out += f"%extend lemnos::binding::{owner} {{\n%proxycode %{{\n{code}%}}\n}}\n"
    return out


def swig_help(full, text):
    return f"%javamethodmodifiers {full} %{{\n{javadoc(text, '  ')}  public%}}\n"


def files():
    classes, swig = records()
    return {**classes, **error_classes(), "Operators.java": operators_class(), "generated.i": swig_interface(swig)}
