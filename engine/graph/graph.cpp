#include "graph/graph.h"

#include <algorithm>

namespace lemnos {

static constexpr int max_rank = 8;

const char* name_of(DataType dtype) {
    switch (dtype) {
    case DataType::f32: return "f32";
    case DataType::f16: return "f16";
    case DataType::i32: return "i32";
    case DataType::u8: return "u8";
    }
    return "unknown";
}

std::string to_string(const Shape& shape) {
    if (shape.empty()) return "scalar";
    std::string out;
    for (int64_t extent : shape) out += text(out.empty() ? "" : " x ", extent);
    return out;
}

std::string to_string(const TensorType& type) { return text(name_of(type.dtype), " ", to_string(type.shape)); }

void Signature::require_rank(int i, int rank, const char* name) const {
    require(input(i).rank() == rank, "the input ", name, " (", to_string(input(i)), ") has rank ", input(i).rank(), " (",
            rank, " is needed).");
}

void Signature::require_type(int i, DataType dtype, const char* name) const {
    require(input(i).dtype == dtype, "the input ", name, " is ", name_of(input(i).dtype), " (", name_of(dtype),
            " is needed).");
}

void Signature::require_real(int i, const char* name) const {
    require(is_real(input(i).dtype), "the input ", name, " is ", name_of(input(i).dtype), " (f32 or f16 is needed).");
}

Value Graph::leaf(LeafKind kind, const std::string& name, TensorType type, Initializer initializer) {
    require(!name.empty(), "A graph's input, parameter or state needs a name.");
    require(type.rank() <= max_rank, "The tensor ", name, " has rank ", type.rank(), " (at most ", max_rank, ").");
    for (int64_t extent : type.shape)
        require(extent >= 1, "The tensor ", name, " (", to_string(type), ") has an extent below 1.");
    require(!find_leaf(name), "The graph has a tensor named ", name, " already.");
    type.bytes(); // throws when the size does not fit
    Node node;
    node.leaf = kind;
    node.name = name;
    node.outputs = {std::move(type)};
    node.initializer = initializer;
    nodes_.push_back(std::move(node));
    return {int32_t(nodes_.size()) - 1, 0};
}

Value Graph::input(const std::string& name, TensorType type) {
    return leaf(LeafKind::input, name, std::move(type), {});
}

Value Graph::parameter(const std::string& name, Shape shape, Initializer initializer) {
    return leaf(LeafKind::parameter, name, {DataType::f32, std::move(shape)}, initializer);
}

Value Graph::state(const std::string& name, Shape shape, Initializer initializer) {
    return leaf(LeafKind::state, name, {DataType::f32, std::move(shape)}, initializer);
}

const TensorType& Graph::type(Value value) const {
    if (value.node < 0 || size_t(value.node) >= nodes_.size() || value.output < 0 ||
        size_t(value.output) >= nodes_[size_t(value.node)].outputs.size())
        fail(ErrorCode::invalid_argument, "The graph has no value ", value.node, ":", value.output, " (", nodes_.size(),
             " nodes).");
    return nodes_[size_t(value.node)].outputs[size_t(value.output)];
}

Value Graph::add(const std::string& name, std::vector<Value> inputs, Attributes attributes, std::string label) {
    const Operator& op = find_operator(name);
    const std::string owner = text("Operator ", op.name);
    Node node;
    node.op = &op;
    node.name = std::move(label);
    attributes.complete(op.attributes, owner);

    size_t least = 0;
    for (const InputSpec& spec : op.inputs) least += !spec.optional;
    const size_t most = op.variadic ? SIZE_MAX : op.inputs.size();
    require(inputs.size() >= least && inputs.size() <= most, owner, ": ", inputs.size(), " inputs were given (", least,
            op.variadic ? " or more" : most > least ? text(" to ", most) : std::string(), " are needed).");
    Signature signature{op.name, {}, attributes};
    for (size_t i = 0; i < inputs.size(); ++i) {
        const InputSpec& spec = op.inputs[std::min(i, op.inputs.size() - 1)];
        if (!inputs[i]) {
            require(spec.optional, owner, ": the input ", spec.name, " must be given.");
            signature.inputs.push_back(std::nullopt);
        } else {
            signature.inputs.push_back(type(inputs[i]));
        }
    }
    node.outputs = op.infer(signature);
    for (const TensorType& output : node.outputs) {
        for (int64_t extent : output.shape)
            signature.require(extent >= 1, "the result (", to_string(output), ") would have an extent below 1.");
        output.bytes();
    }
    node.inputs = std::move(inputs);
    node.attributes = std::move(attributes);
    nodes_.push_back(std::move(node));
    return {int32_t(nodes_.size()) - 1, 0};
}

std::vector<Value> Graph::leaves(LeafKind kind) const {
    std::vector<Value> found;
    for (size_t i = 0; i < nodes_.size(); ++i)
        if (nodes_[i].leaf == kind) found.push_back({int32_t(i), 0});
    return found;
}

std::string Graph::layer(int32_t index) const {
    while (true) { // inputs come before their node, so this ends
        const Node& each = node(index);
        if (!each.op) return {};
        if (!each.name.empty()) return each.name;
        const auto before = std::find_if(each.inputs.begin(), each.inputs.end(), [&](Value input) { return input && node(input.node).op; });
        if (before == each.inputs.end()) return {};
        index = before->node;
    }
}

void Graph::note_gradients(int32_t first, const std::string& layer) {
    if (first_gradient_ < 0 && size_t(first) < nodes_.size()) first_gradient_ = first;
    for (size_t i = size_t(first); i < nodes_.size(); ++i)
        if (nodes_[i].op && nodes_[i].name.empty()) nodes_[i].name = layer;
}

Value Graph::find_leaf(const std::string& name) const {
    for (size_t i = 0; i < nodes_.size(); ++i)
        if (nodes_[i].leaf != LeafKind::none && nodes_[i].name == name) return {int32_t(i), 0};
    return {};
}

} // namespace lemnos
