#include "graph/forward_values.h"

namespace lemnos {

bool ForwardValues::is_copied(Value value) const {
    if (!value) return false;
    const Node* node = &graph_.node(value.node);
    while (node->op && node->op->alias) { // kept as long as what it is another shape of
        value = node->inputs[0];
        node = &graph_.node(value.node);
    }
    if (size_t(value.node) >= again_.size() || !again_[size_t(value.node)] || !node->op) return false;
    return !node->op->again || value.output == 0; // what output 0 is made from is kept
}

Value ForwardValues::copied(Value value) const {
    if (!is_copied(value)) return value;
    const auto found = copies_.find(value.node);
    return found == copies_.end() ? Value{} : Value{found->second.node, value.output};
}

// All of whose inputs are there.
void ForwardValues::copy(int32_t index) {
    const Node node = graph_.node(index); // by value, for nodes are added
    std::vector<Value> inputs;
    for (Value input : node.inputs) inputs.push_back(copied(input));
    copies_[index] = node.op->again ? node.op->again(graph_, {index, 0}, inputs)
                                    : graph_.add(node.op->name, std::move(inputs), node.attributes, node.name);
}

Value ForwardValues::operator()(Value value) {
    std::vector<int32_t> waiting; // for copies of what they read; a chain may be long
    if (value && !copied(value)) waiting.push_back(value.node);
    while (!waiting.empty()) {
        const int32_t index = waiting.back();
        const size_t before = waiting.size();
        for (Value input : graph_.node(index).inputs)
            if (input && !copied(input)) waiting.push_back(input.node);
        if (waiting.size() > before) continue;
        waiting.pop_back();
        if (!copies_.contains(index)) copy(index); // two may have waited for it
    }
    return copied(value);
}

} // namespace lemnos
