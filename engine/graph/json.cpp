#include "graph/json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace lemnos {

using Json = nlohmann::ordered_json;

static constexpr int deepest_nesting = 16;
static constexpr size_t most_nodes = size_t(1) << 20;

// Parses with a bounded depth, so that no text can exhaust the stack.
static Json parse(const std::string& text, const std::string& owner, ErrorCode code) {
    bool too_deep = false;
    const auto bounded = [&](int depth, Json::parse_event_t, Json&) { return !(too_deep |= depth > deepest_nesting); };
    try {
        Json json = Json::parse(text, bounded);
        if (too_deep)
            fail(code, owner, ": the JSON text is nested deeper than ", deepest_nesting, " levels.");
        return json;
    } catch (const Json::parse_error& error) {
        fail(code, owner, ": the text is not JSON (at byte ", error.byte, ").");
    }
}

static AttributeValue to_value(const Json& json, const std::string& name, const std::string& owner) {
    const auto refuse = [&](const char* what) {
        fail(ErrorCode::invalid_argument, owner, ": the attribute ", name, " is ", what,
             " (a number, true, false, a string or a list of numbers is needed).");
    };
    if (json.is_boolean()) return int64_t(json.get<bool>());
    if (json.is_number_unsigned() && json.get<uint64_t>() > uint64_t(INT64_MAX)) refuse("beyond 64 bits");
    if (json.is_number_integer()) return json.get<int64_t>();
    if (json.is_number_float()) return json.get<double>();
    if (json.is_string()) return json.get<std::string>();
    if (!json.is_array()) refuse(json.is_null() ? "null" : "an object");
    bool integers = true;
    for (const Json& element : json) {
        if (!element.is_number()) refuse("a list with an element that is no number");
        integers &= element.is_number_integer();
    }
    if (integers) return json.get<std::vector<int64_t>>();
    return json.get<std::vector<double>>();
}

static Attributes to_attributes(const Json& json, const std::string& owner) {
    require(json.is_object(), owner, ": attributes are a JSON object, such as {\"name\": 1}.");
    Attributes attributes;
    for (const auto& [name, value] : json.items()) attributes.set(name, to_value(value, name, owner));
    return attributes;
}

Attributes attributes_from_json(const std::string& text, const std::string& owner) {
    if (text.find_first_not_of(" \t\r\n") == std::string::npos) return {};
    return to_attributes(parse(text, owner, ErrorCode::invalid_argument), owner);
}

// ---- graphs ---------------------------------------------------------------------------------------------------------

static constexpr const char* leaf_names[] = {"none", "input", "parameter", "state"};
static constexpr const char* initializer_names[] = {"constant", "normal", "uniform", "kaiming_normal"};

static Json to_json(const AttributeValue& value) {
    return std::visit([](const auto& held) { return Json(held); }, value);
}

static Json describe(const AttributeSpec& spec) {
    constexpr const char* kinds[] = {"integer", "real", "boolean", "choice", "text", "integers", "reals"};
    Json json{{"name", spec.name}, {"kind", kinds[size_t(spec.kind)]}, {"required", spec.required}};
    if (!spec.required) {
        if (spec.kind == AttributeKind::boolean)
            json["default"] = std::get<int64_t>(spec.fallback) != 0;
        else
            std::visit([&](const auto& value) { json["default"] = value; }, spec.fallback);
    }
    const bool whole = spec.kind == AttributeKind::integer || spec.kind == AttributeKind::integers;
    const bool ranged = spec.kind != AttributeKind::boolean && spec.minimum < spec.maximum;
    const auto bound = [&](double value) { // 2^63, which INT64_MAX rounds to, is INT64_MAX
        return whole ? Json(value < 0x1p63 ? int64_t(value) : INT64_MAX) : Json(value);
    };
    if (ranged && std::isfinite(spec.minimum)) json["minimum"] = bound(spec.minimum);
    if (ranged && std::isfinite(spec.maximum)) json["maximum"] = bound(spec.maximum);
    if (spec.below) json["maximum_is_excluded"] = true;
    if (!spec.choices.empty()) json["choices"] = spec.choices;
    if (spec.length >= 0) json["length"] = spec.length;
    json["help"] = spec.help;
    return json;
}

Json describe(const std::vector<AttributeSpec>& specs) {
    Json list = Json::array();
    for (const AttributeSpec& spec : specs) list.push_back(describe(spec));
    return list;
}

std::string graph_to_json(const Graph& graph) {
    Json nodes = Json::array();
    for (const Node& node : graph.nodes()) {
        Json json;
        if (node.op) {
            json["op"] = node.op->name;
            json["inputs"] = Json::array();
            for (Value input : node.inputs)
                json["inputs"].push_back(input ? Json{input.node, input.output} : Json(nullptr));
            if (!node.attributes.all().empty())
                for (const auto& [name, value] : node.attributes.all()) json["attributes"][name] = to_json(value);
            if (!node.name.empty()) json["name"] = node.name;
        } else {
            json["leaf"] = leaf_names[size_t(node.leaf)];
            json["name"] = node.name;
            json["dtype"] = name_of(node.outputs[0].dtype);
            json["shape"] = node.outputs[0].shape;
            if (node.leaf != LeafKind::input)
                json["initializer"] = {{"kind", initializer_names[node.initializer.kind]},
                                       {"value", node.initializer.value}};
        }
        nodes.push_back(std::move(json));
    }
    return Json{{"version", 1}, {"nodes", std::move(nodes)}}.dump();
}

template <size_t count>
static size_t index_of(const std::string& name, const char* const (&names)[count]) {
    for (size_t i = 0; i < count; ++i)
        if (name == names[i]) return i;
    fail(ErrorCode::invalid_argument, "\"", name, "\" is not known here.");
}

static DataType dtype_named(const std::string& name) {
    for (DataType dtype : {DataType::f32, DataType::f16, DataType::i32, DataType::u8})
        if (name == name_of(dtype)) return dtype;
    fail(ErrorCode::invalid_argument, "\"", name, "\" is no data type.");
}

// A member that is not known is refused: it may be a damaged name, and what it said would be left out.
static void check_members(const Json& json, std::initializer_list<std::string_view> known) {
    for (const auto& [name, value] : json.items())
        require(std::find(known.begin(), known.end(), name) != known.end(), "The member \"", name, "\" is not known.");
}

static void add_node(Graph& graph, const Json& json) {
    if (json.contains("leaf")) {
        check_members(json, {"leaf", "name", "dtype", "shape", "initializer"});
        const std::string name = json.at("name").get<std::string>();
        Shape shape = json.at("shape").get<Shape>();
        Initializer initializer;
        if (json.contains("initializer")) {
            initializer.kind = Initializer::Kind(
                index_of(json.at("initializer").at("kind").get<std::string>(), initializer_names));
            initializer.value = json.at("initializer").at("value").get<double>();
        }
        switch (LeafKind(index_of(json.at("leaf").get<std::string>(), leaf_names))) {
        case LeafKind::input: graph.input(name, {dtype_named(json.at("dtype").get<std::string>()), std::move(shape)}); return;
        case LeafKind::parameter: graph.parameter(name, std::move(shape), initializer); return;
        case LeafKind::state: graph.state(name, std::move(shape), initializer); return;
        default: fail(ErrorCode::invalid_argument, "A leaf is an input, a parameter or a state.");
        }
    }
    check_members(json, {"op", "inputs", "attributes", "name"});
    const std::string op = json.at("op").get<std::string>();
    std::vector<Value> inputs;
    for (const Json& input : json.at("inputs")) {
        if (input.is_null()) {
            inputs.push_back({});
            continue;
        }
        require(input.is_array() && input.size() == 2 && input[0].is_number_integer() && input[1].is_number_integer(),
                "An input is a pair of a node and an output.");
        inputs.push_back({input[0].get<int32_t>(), input[1].get<int32_t>()});
        graph.type(inputs.back()); // throws when there is no such value
    }
    Attributes attributes;
    if (json.contains("attributes")) attributes = to_attributes(json.at("attributes"), text("Operator ", op));
    graph.add(op, std::move(inputs), std::move(attributes), json.value("name", std::string()));
}

Graph graph_from_json(const std::string& json_text, const std::string& source) {
    const Json json = parse(json_text, source, ErrorCode::file_malformed);
    Graph graph;
    try {
        require(json.is_object() && json.value("version", 0) == 1, "The graph's version is not 1.");
        const Json& nodes = json.at("nodes");
        require(nodes.is_array() && nodes.size() <= most_nodes, "The graph has no list of at most ", most_nodes, " nodes.");
        for (const Json& node : nodes) add_node(graph, node);
    } catch (const Error& error) {
        fail(ErrorCode::file_malformed, source, ": node ", graph.nodes().size(), " of the graph is not valid. ", error.what());
    } catch (const Json::exception&) {
        fail(ErrorCode::file_malformed, source, ": node ", graph.nodes().size(), " of the graph lacks a member or has one of a wrong type.");
    }
    return graph;
}

} // namespace lemnos
