// Mixed precision: activations and their gradients lie in memory as f16, all else as f32. Kernels compute in f32 and round what
// they store; weights, their gradients, statistics, losses and the optimizer stay f32 (Micikevicius et al., "Mixed Precision
// Training", arXiv 1710.03740). A network is built mixed, by one rule: a product (conv2d, linear) casts its argument to f16; what
// an operator's row says it takes in f16 (Operator::half) follows what it is given; everything else is given f32. Gradients
// follow by themselves, since a gradient has the type of its value.
#pragma once

#include "graph/graph.h"

#include <map>

namespace lemnos {

class Device;

enum class Precision { f32, mixed };

AttributeSpec precision_attribute(const char* help);
Precision precision_of(const Attributes& options); // of the attribute precision
// Refuses mixed precision on a device whose buffers hold no f16.
void require_precision(const Device& device, Precision precision);

// Adds operators to a graph with the casts that they need, each value cast once to a type and never back.
class MixedBuilder {
  public:
    MixedBuilder(Graph& graph, Precision precision) : graph_(graph), precision_(precision) {}
    Value add(const std::string& op, std::vector<Value> inputs, Attributes attributes = {}, std::string name = {});
    Value as(Value value, DataType dtype); // of f32 and f16; what is empty or of another kind stays

  private:
    Graph& graph_;
    Precision precision_;
    std::map<Value, Value> casts_; // to the other type
};

} // namespace lemnos
