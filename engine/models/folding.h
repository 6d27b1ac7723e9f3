// Batch normalisation as part of the convolution before it, for networks that are run and not trained: with
// given moments
//     gamma (filter * x + bias - mean) / sqrt(variance + epsilon) + beta
// is a convolution with another filter and bias. The two are computed on the device, and anew only when the
// model's parameters or states have changed.
#pragma once

#include "models/model.h"
#include "plan/replay.h"

namespace lemnos {

class Folding {
  public:
    // Of a network that instantiate() made of this model's architecture. The model outlives it.
    Folding(const Model& model, const Network& network);
    // Binds the network's leaves that were folded.
    void bind(Bindings& bindings) const;
    // Submits a replay of the network, which sees all changes of the model that were submitted before.
    int64_t submit(Replay& replay, int slot);
    int64_t bytes() const { return arena_.buffer ? arena_.layout->bytes() : 0; } // of the folded filters and biases

  private:
    const Model& model_;
    std::vector<Value> leaves_;
    Arena arena_;                // one segment a leaf
    std::shared_ptr<Plan> plan_; // null: nothing was folded
    int64_t folded_version_ = -1;
};

} // namespace lemnos
