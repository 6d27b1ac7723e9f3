// Counts of an architecture: parameters and multiply-accumulates, layer by layer.
#include "models/architecture.h"

#include <algorithm>
#include <cctype>
#include <set>

namespace lemnos {

// The module that a node belongs to: its name up to the first part that is a number, e.g. "features.3" of
// "features.3.conv.0.1", or else its first two parts.
static std::string module_of(const std::string& name) {
    size_t second = std::string::npos;
    for (size_t begin = 0, parts = 1; begin < name.size(); ++parts) {
        const size_t end = std::min(name.find('.', begin), name.size());
        if (name.find_first_not_of("0123456789", begin) >= end) return name.substr(0, end);
        if (parts == 2) second = end;
        begin = end + 1;
    }
    return name.substr(0, second);
}

static int64_t macs_of(const Graph& graph, const Node& node) {
    const std::string op = node.op->name;
    if (op != "conv2d" && op != "linear") return 0;
    const TensorType& weight = graph.type(node.inputs[1]);
    const int64_t outputs = node.outputs[0].elements() / node.outputs[0].shape[0];
    return checked_multiply(outputs / weight.channels(), weight.elements());
}

Summary summarise(const Architecture& architecture) {
    const Graph& graph = architecture.graph;
    Summary summary;
    std::set<int32_t> counted;
    for (const Node& node : graph.nodes()) {
        if (!node.op) continue;
        const std::string module = node.name.empty() ? std::string(node.op->name) : module_of(node.name);
        if (summary.layers.empty() || summary.layers.back().name != module) summary.layers.push_back({module, "", {}, 0, 0});
        LayerSummary& layer = summary.layers.back();
        const std::string op = node.op->name;
        if ((", " + layer.operators + ",").find(", " + op + ",") == std::string::npos)
            layer.operators += (layer.operators.empty() ? "" : ", ") + op;
        layer.output = node.outputs[0].shape;
        layer.macs += macs_of(graph, node);
        for (Value input : node.inputs)
            if (input && graph.node(input.node).leaf == LeafKind::parameter && counted.insert(input.node).second)
                layer.parameters += graph.type(input).elements();
    }
    for (const LayerSummary& layer : summary.layers) {
        summary.parameters += layer.parameters;
        summary.macs = checked_add(summary.macs, layer.macs);
    }
    return summary;
}

} // namespace lemnos
