// A graph of operators: built once, differentiated by adding nodes, compiled to a plan. Nodes are only ever appended,
// so the order of nodes is a topological order.
#pragma once

#include "op.h"

#include <string>
#include <vector>

namespace lemnos {

enum class LeafKind {
    none,      // an operator's node
    input,     // bound or fed before every run
    parameter, // trained
    state,     // kept with the parameters, not trained by gradients (running statistics)
};

// How a parameter or state is filled before training.
struct Initializer {
    enum Kind { constant, normal, uniform, kaiming_normal } kind = constant;
    // constant: the value; normal: the standard deviation; uniform: the bound; kaiming_normal: unused, std = sqrt(2/fan_out)
    double value = 0;
};

struct Node {
    const Operator* op = nullptr; // null for leaves
    LeafKind leaf = LeafKind::none;
    std::string name; // of leaves, and of nodes where the builder gave one
    std::vector<Value> inputs;
    Attributes attributes;
    std::vector<TensorType> outputs;
    Initializer initializer; // of parameters and states
};

class Graph {
  public:
    Value input(const std::string& name, TensorType type);
    Value parameter(const std::string& name, Shape shape, Initializer initializer);
    Value state(const std::string& name, Shape shape, Initializer initializer);
    // Adds an operator's node, checks it and infers its shapes; returns its first output.
    Value add(const std::string& op, std::vector<Value> inputs, Attributes attributes = {}, std::string name = {});

    const std::vector<Node>& nodes() const { return nodes_; }
    const Node& node(int32_t index) const { return nodes_.at(size_t(index)); }
    const TensorType& type(Value value) const;
    const Shape& shape(Value value) const { return type(value).shape; }
    std::vector<Value> leaves(LeafKind kind) const;
    Value find_leaf(const std::string& name) const; // empty when there is none

    // The part of a network that a node belongs to: its name, or else that of the first named node before it.
    std::string layer(int32_t node) const;
    // Says that the nodes from `first` on are gradients of that layer; those without a name take the layer's.
    void note_gradients(int32_t first, const std::string& layer);
    int32_t first_gradient() const { return first_gradient_; } // -1: there is none

  private:
    Value leaf(LeafKind kind, const std::string& name, TensorType type, Initializer initializer);
    std::vector<Node> nodes_;
    int32_t first_gradient_ = -1;
};

// Adds the nodes that compute d(sum of seed * loss)/d(wrt) and returns one value each; a wrt that the loss does not
// depend on gets zeros. `loss` has one element unless a seed of its shape is given. Without a seed it is 1.
//
// `again`: a flag a node, false beyond its end. The results of nodes that it marks need not be kept for the backward pass, which
// reads copies that are computed anew right before they are first read, from whatever is kept. The gradients are bit-equal.
std::vector<Value> gradients(Graph& graph, Value loss, std::span<const Value> wrt, Value seed = {},
                             const std::vector<bool>& again = {});

} // namespace lemnos
