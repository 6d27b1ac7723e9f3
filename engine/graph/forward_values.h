// What the backward pass reads of the forward pass. Values that are not to be kept until then are computed once more: a copy of
// their node is added to the graph where it is first asked for, reading copies of whatever is not kept either (Chen et al.,
// "Training deep nets with sublinear memory cost", arXiv 1604.06174). Kernels are deterministic and random numbers are
// functions of the image, so a copy has the bits of its original.
#pragma once

#include "graph/graph.h"

#include <map>

namespace lemnos {

class ForwardValues {
  public:
    // `again`: nodes that are computed once more, a flag each, false beyond its end.
    ForwardValues(Graph& graph, const std::vector<bool>& again) : graph_(graph), again_(again) {}
    Value operator()(Value value);

  private:
    bool is_copied(Value value) const;
    Value copied(Value value) const; // itself where it is kept; empty where its copy does not exist yet
    void copy(int32_t node);

    Graph& graph_;
    const std::vector<bool>& again_;
    std::map<int32_t, Value> copies_; // output 0 of each node
};

} // namespace lemnos
