// Graphs. A value is a number: the node in its low 24 bits, the node's output above them, so that a value of
// a first output is the node's place in lem_graph_json().
#include "graph/json.h"
#include "guard.h"

using namespace lemnos;
using namespace lemnos::capi;

static constexpr int32_t node_bits = 24, most_nodes = 1 << node_bits, most_outputs = 64;

namespace lemnos::capi {

int32_t encode(Value value) {
    if (value.node >= most_nodes || value.output >= most_outputs)
        fail(ErrorCode::unsupported, "The graph has grown to ", value.node + 1, " nodes (at most ",
             most_nodes, ").");
    return value.output << node_bits | value.node;
}

Value decode(const Graph& graph, int32_t value, const char* what) {
    const Value decoded{value & (most_nodes - 1), value >> node_bits};
    if (value < 0 || size_t(decoded.node) >= graph.nodes().size() ||
        size_t(decoded.output) >= graph.node(decoded.node).outputs.size())
        fail(ErrorCode::invalid_argument, "The argument ", what, " (", value, ") is no value of this graph (",
             graph.nodes().size(), " nodes).");
    return decoded;
}

} // namespace lemnos::capi

lem_result lem_graph_create(lem_graph** out) {
    return guarded([&] {
        clear(out);
        need(out, "out") = new lem_graph;
    });
}

void lem_graph_release(lem_graph* graph) { delete graph; }

lem_result lem_graph_input(lem_graph* graph, const char* name, lem_dtype dtype, const int64_t* shape,
                           int32_t rank, int32_t* out_value) {
    return guarded([&] {
        clear(out_value);
        Graph& target = need(graph, "graph").graph;
        need(out_value, "out_value");
        *out_value =
            encode(target.input(need_name(name, "name"), {need_dtype(dtype), need_shape(shape, rank)}));
    });
}

lem_result lem_graph_op(lem_graph* graph, const char* op, const int32_t* inputs, int32_t input_count,
                        const char* attributes, int32_t* out_value) {
    return guarded([&] {
        clear(out_value);
        Graph& target = need(graph, "graph").graph;
        need(out_value, "out_value");
        const std::string name = need_name(op, "op");
        need_range(input_count, 0, INT32_MAX, "input_count");
        std::vector<Value> values;
        for (const int32_t input : need_array(inputs, input_count, "inputs"))
            values.push_back(input == -1 ? Value{} : decode(target, input, "inputs"));
        if (const Operator& found = find_operator(name); found.internal)
            fail(ErrorCode::not_found, "The operator \"", name,
                 "\" is for gradients alone and cannot be added.");
        const std::string owner = text("Operator ", name);
        *out_value = encode(
            target.add(name, std::move(values), attributes_from_json(optional_string(attributes), owner)));
    });
}

lem_result lem_graph_result(lem_graph* graph, int32_t value, int32_t index, int32_t* out_value) {
    return guarded([&] {
        clear(out_value);
        const Graph& source = need(graph, "graph").graph;
        need(out_value, "out_value");
        const Value first = decode(source, value, "value");
        const Node& node = source.node(first.node);
        const int32_t count = int32_t(node.outputs.size());
        require(index >= 0 && index < count, "The ",
                node.op ? text("operator ", node.op->name) : text("input ", node.name), " has no result ",
                index, " (it has ", count, ", counted from 0).");
        *out_value = encode({first.node, index});
    });
}

lem_result lem_graph_shape(lem_graph* graph, int32_t value, int64_t* out_shape, int32_t capacity,
                           int32_t* out_rank) {
    return guarded([&] {
        clear(out_rank);
        const Graph& source = need(graph, "graph").graph;
        give_shape(source.shape(decode(source, value, "value")), out_shape, capacity, out_rank);
    });
}

lem_result lem_graph_gradients(lem_graph* graph, int32_t loss, const int32_t* wrt, int32_t wrt_count,
                               int32_t seed, int32_t* out_values) {
    return guarded([&] {
        const bool counted = out_values && wrt_count > 0;
        if (counted) std::fill_n(out_values, wrt_count, 0);
        Graph& target = need(graph, "graph").graph;
        need_range(wrt_count, 1, INT32_MAX, "wrt_count");
        const std::span<int32_t> out = need_array(out_values, wrt_count, "out_values");
        std::vector<Value> values;
        for (const int32_t each : need_array(wrt, wrt_count, "wrt"))
            values.push_back(decode(target, each, "wrt"));
        const Value from = decode(target, loss, "loss");
        const Value weights = seed == -1 ? Value{} : decode(target, seed, "seed");
        Graph extended = target; // so that a failure half way leaves the graph as it was
        std::vector<int32_t> numbers;
        for (const Value each : gradients(extended, from, values, weights)) numbers.push_back(encode(each));
        target = std::move(extended);
        std::copy(numbers.begin(), numbers.end(), out.begin());
    });
}

lem_result lem_graph_json(lem_graph* graph, lem_text** out) {
    return guarded([&] {
        clear(out);
        give_text(out, graph_to_json(need(graph, "graph").graph));
    });
}
