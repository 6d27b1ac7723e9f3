// Reverse-mode differentiation: gradients are built as graph, so they are planned, fused and tested like all else.
#include "graph/forward_values.h"

#include <algorithm>
#include <utility>

namespace lemnos {

GradientBuilder::GradientBuilder(Graph& graph, ForwardValues& values, Gradients& gradients, int32_t node, std::vector<bool> needed)
    : graph(graph), results(graph.node(node).inputs.size()), values_(values), gradients_(gradients), node_(node),
      needed_(std::move(needed)) {}

Value GradientBuilder::original_input(int i) const {
    const std::vector<Value>& inputs = graph.node(node_).inputs;
    return size_t(i) < inputs.size() ? inputs[size_t(i)] : Value{};
}

Value GradientBuilder::input(int i) const { return values_(original_input(i)); }
Value GradientBuilder::output(int i) const { return values_({node_, i}); }
const TensorType& GradientBuilder::input_type(int i) const { return graph.type(original_input(i)); }
const TensorType& GradientBuilder::output_type(int i) const { return graph.type({node_, i}); }
const Attributes& GradientBuilder::attributes() const { return graph.node(node_).attributes; }

Value GradientBuilder::add(const char* op, std::vector<Value> inputs, Attributes attributes) const {
    return graph.add(op, std::move(inputs), std::move(attributes));
}

Value GradientBuilder::take_gradient(int i) {
    const Value input = original_input(i);
    return std::exchange(gradients_[size_t(input.node)][size_t(input.output)], {});
}

// Nodes on a path from a wrt to the loss: only they get gradients.
static std::vector<bool> dependents(const Graph& graph, std::span<const Value> wrt) {
    std::vector<bool> depends(graph.nodes().size(), false);
    for (Value value : wrt) depends[size_t(value.node)] = true;
    for (size_t i = 0; i < depends.size(); ++i)
        for (Value input : graph.nodes()[i].inputs)
            if (input && depends[size_t(input.node)]) depends[i] = true;
    return depends;
}

static Value constant(Graph& graph, const TensorType& type, double value) {
    const Value filled = graph.add("constant", {}, {{"shape", type.shape}, {"value", value}});
    return type.dtype == DataType::f32 ? filled : graph.add("cast", {filled}, {{"to", std::string(name_of(type.dtype))}});
}

std::vector<Value> gradients(Graph& graph, Value loss, std::span<const Value> wrt, Value seed,
                             const std::vector<bool>& again) {
    const TensorType loss_type = graph.type(loss);
    for (Value value : wrt)
        require(is_real(graph.type(value).dtype), "A gradient is taken by tensors of type f32 or f16 (",
                to_string(graph.type(value)), " was given).");
    require(is_real(loss_type.dtype), "A gradient needs a loss of type f32 or f16 (", name_of(loss_type.dtype),
            " was given).");
    if (!seed) {
        require(loss_type.elements() == 1, "A gradient without a seed needs a loss of one element (",
                to_string(loss_type), " was given).");
        const auto first = int32_t(graph.nodes().size());
        seed = constant(graph, loss_type, 1);
        graph.note_gradients(first, graph.layer(loss.node));
    }
    require(graph.type(seed) == loss_type, "The seed (", to_string(graph.type(seed)), ") and the loss (",
            to_string(loss_type), ") differ in type or shape.");

    ForwardValues values(graph, again);
    const std::vector<bool> depends = dependents(graph, wrt);
    GradientBuilder::Gradients gradient(size_t(loss.node) + 1);
    for (size_t i = 0; i < gradient.size(); ++i) gradient[i].resize(graph.nodes()[i].outputs.size());
    const auto accumulate = [&](Value value, Value addend) {
        Value& sum = gradient[size_t(value.node)][size_t(value.output)];
        sum = sum ? graph.add("add", {sum, addend}) : addend;
    };
    gradient[size_t(loss.node)][size_t(loss.output)] = seed;

    for (int32_t index = loss.node; index >= 0; --index) {
        if (!depends[size_t(index)] || !graph.node(index).op) continue;
        const std::vector<Value>& mine = gradient[size_t(index)];
        if (std::none_of(mine.begin(), mine.end(), [](Value value) { return bool(value); })) continue;
        const Operator& op = *graph.node(index).op;
        const std::vector<Value> inputs = graph.node(index).inputs;
        std::vector<bool> needed(inputs.size());
        for (size_t i = 0; i < inputs.size(); ++i) needed[i] = inputs[i] && depends[size_t(inputs[i].node)];
        if (std::none_of(needed.begin(), needed.end(), [](bool need) { return need; })) continue; // itself a wrt
        if (!op.gradient)
            fail(ErrorCode::unsupported, "Operator ", op.name, " has no gradient, and the loss depends through it on what is differentiated.");
        GradientBuilder builder(graph, values, gradient, index, needed);
        const auto first = int32_t(graph.nodes().size());
        op.gradient(builder);
        for (size_t i = 0; i < inputs.size(); ++i) {
            if (!needed[i] || !builder.results[i]) continue;
            if (graph.type(builder.results[i]) != graph.type(inputs[i]))
                fail(ErrorCode::internal, "Operator ", op.name, ": the gradient of its input ", i, " is ",
                     to_string(graph.type(builder.results[i])), " and the input ", to_string(graph.type(inputs[i])), ".");
            accumulate(inputs[i], builder.results[i]);
        }
        graph.note_gradients(first, graph.layer(index));
    }

    std::vector<Value> results;
    for (Value value : wrt) {
        const bool reached = size_t(value.node) < gradient.size() && gradient[size_t(value.node)][size_t(value.output)];
        results.push_back(reached ? gradient[size_t(value.node)][size_t(value.output)]
                                  : constant(graph, graph.type(value), 0));
    }
    return results;
}

} // namespace lemnos
