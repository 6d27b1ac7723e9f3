"""What the C API says about itself: lemnos.h, bindings/common/objects.h and bindings/common/operators.json, read as text."""

import json
import os
import re
from typing import List, NamedTuple, Tuple

BINDINGS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
HEADER = os.path.join(BINDINGS, "..", "capi", "include", "lemnos", "lemnos.h")
OBJECTS = os.path.join(BINDINGS, "common", "objects.h")
INTERFACE = os.path.join(BINDINGS, "common", "lemnos.i")
OPERATORS = os.path.join(BINDINGS, "common", "operators.json")
WIDTH = 116 # of what is written


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def operators():
    return json.loads(read(OPERATORS))


def plain(comment):
    """The words of a C comment, as one paragraph; lists keep their lines."""
    lines = [line.strip() for line in comment.strip().splitlines()]
    return " ".join(line for line in lines if line)


def header_comments():
    """{function: the comment before it}; of a write and a read below each other both have that of the first."""
    comments, last, pair = {}, "", {}
    pattern = re.compile(r"/\*(?P<comment>.*?)\*/|(?P<gap>\n\s*\n)|LEM_API\b[^;]*?\b(?P<name>lem_\w+)\(", re.S)
    for match in pattern.finditer(read(HEADER)):
        if match["comment"] is not None:
            last = "" if match["comment"].startswith(" ----") else plain(match["comment"])
        elif match["gap"]:
            last = ""
        else:
            comments[match["name"]] = last or pair.get(match["name"], "")
            for one, other in ("read", "write"), ("write", "read"):
                if last and match["name"].endswith("_" + one):
                    pair[match["name"][: -len(one)] + other] = last
            last = ""
    return comments


def calls():
    """{"Tensor.write": ["lem_tensor_write"]}: which functions of lemnos.h the methods of objects.h call."""
    functions = set(header_comments())
    result, owner, method = {}, "", ""
    for line in read(OBJECTS).splitlines():
        line = line.split("//")[0]
        found = re.match(r"(class|struct|enum class) (\w+)", line)
        if found:
            owner, method = found[2], found[2]
        elif line.startswith("}"):
            owner = method = ""
        start = re.match(r"(inline |    )(static |explicit )?(?:[\w:<>]+[*&]? +)*(\w+)\(", line)
        if start and (line.startswith("inline") == (owner == "")) and start[3] not in ("check", "throw", "return"):
            method = start[3] if owner in ("", start[3]) else f"{owner}.{start[3]}"
        for name in re.findall(r"\blem_\w+", line):
            if name in functions:
                result.setdefault(method, []).append(name)
    return result


def help_texts():
    comments = header_comments()
    result = {}
    for method, functions in calls().items():
        method = {"Bindings.plan": "Plan"}.get(method, method)
        texts = [comments[name] for name in functions if comments[name] and not name.endswith("_release")]
        if texts and method:
            result[method] = texts[0]
    return result


class Structure(NamedTuple):
    """A structure that calls return."""

    native: str  # in C++
    layout: List[Tuple[str, str, str]]  # types, names and comments of all members, as they lie in memory
    about: str

    @property
    def members(self):
        """Without those that serve the ABI."""
        return [member for member in self.layout if member[1] not in ("struct_size", "reserved")]


def structures():
    """{"Progress": Structure}: what lemnos.i calls a value."""
    about = {
        "Progress": "Where a training stands.",
        "Metrics": "How well a model does on a data set.",
        "ModelInput": "What a model takes and gives.",
        "ImageSize": "The size of an image in pixels.",
    }
    result = {}
    interface = re.sub(r"%define.*?%enddef", "", read(INTERFACE), flags=re.S)
    for macro, arguments in re.findall(r"^(LEMNOS_STRUCTURE|LEMNOS_VALUE)\(([\w:, ]+)\)", interface, re.M):
        native, *kind = arguments.split(", ")
        name = kind[0] if kind else native.split("::")[-1]
        source, tag = (read(HEADER), native) if kind else (read(OBJECTS), name)
        body = re.search(rf"struct {tag} \{{(.*?)\}}", source, re.S)[1]
        layout = []
        for type_, names, comment in re.findall(r"^ +(\w+) ([\w, ]+); *(?:/\*(.*?)\*/)?", body, re.S | re.M):
            layout += [(type_, member, plain(comment)) for member in names.split(", ")]
        result[name] = Structure(native, layout, about[name])
    return result


def errors():
    """The error codes: the name behind LEM_ERROR_, the number, the comment."""
    pattern = r"^ +LEM_ERROR_(\w+) = (-\d+), *(?:/\*(.*?)\*/)?"
    return [(name, int(code), plain(help)) for name, code, help in re.findall(pattern, read(HEADER), re.M)]


def signatures():
    """The methods of objects.h that SWIG sees, without those that its template has."""
    text = re.sub(r"#ifndef SWIG.*?#endif", "", read(OBJECTS), flags=re.S)
    text = re.sub(r"//.*", "", text)
    text = re.sub(r"(?<=\w)([*&]) ?(?=\w)", r" \1 ", text) # types read as SWIG writes them: const void * data
    result = []
    bodies = re.findall(r"^class (\w+)[^;{]*\{(.*?)^\};", text, re.S | re.M)
    free = re.sub(r"^(class|struct) .*?^\};", "", text, flags=re.S | re.M)
    functions = [("", entry) for entry in re.findall(r"^inline [^{;]*", free, re.M)]
    for owner, body in bodies:
        functions += [(owner, entry) for entry in re.findall(r"^    \w[^{};]*?\)", body, re.M)]
    for owner, entry in functions:
        match = re.search(r"(\w+)\(([^()]*)\)", entry)
        if match and not re.match(r"\s*(explicit|return|check|throw|for|if)\b", entry):
            parameters = [re.match(r"(.*?[ &*])(\w+)$", " ".join(part.split())) for part in match[2].split(",") if part.strip()]
            if all(parameters):
                given = [(part[1].strip(), part[2]) for part in parameters]
                head = entry[: match.start()].replace("inline ", "").strip()
                result.append((owner, match[1], head.removeprefix("static ").strip(), head.startswith("static "), given))
    return result


def handles():
    """{"Plan": "A graph compiled for a device."}: the objects, from the list that lemnos.h begins with."""
    head = read(HEADER).split("*/")[0]
    found = re.findall(r"lem_(\w+) {2,}([^\n]*?)(?= {3,}|\n)", head)
    return {name.capitalize(): text[0].upper() + text[1:] + "." for name, text in found}


def default_of(attribute):
    """What the help says about an attribute besides its sentence."""
    parts = []
    if "choices" in attribute:
        parts.append("one of " + ", ".join(attribute["choices"]))
    if not attribute["required"]:
        parts.append(f"default {json.dumps(attribute['default'])}")
    if "minimum" in attribute and attribute["kind"] in ("integer", "integers"):
        parts.append(f"{attribute['minimum']} to {attribute['maximum']}")
    return "; ".join(parts)
