// Attributes and graphs as JSON: what the C API takes, and what a model file carries so that it runs with no builder.
#pragma once

#include "graph/graph.h"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace lemnos {

// [{"name", "kind", "required" or "default", "minimum", "maximum", "maximum_is_excluded", "choices", "length", "help"}]
nlohmann::ordered_json describe(const std::vector<AttributeSpec>& specs);

// A JSON object of attributes or options; "" is none. `owner` begins the sentences, e.g. "Operator conv2d". Names and
// ranges are checked later, by Attributes::complete().
Attributes attributes_from_json(const std::string& text, const std::string& owner);

std::string graph_to_json(const Graph& graph);

// Rebuilds a graph node by node, checking everything as if a program had built it. `source` (a file's name) begins the
// sentences; every failure is file_malformed.
Graph graph_from_json(const std::string& text, const std::string& source);

} // namespace lemnos
