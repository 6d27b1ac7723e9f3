// Which normaliser a network uses, as a user writes it down. Operators: engine/ops/normalisation.cpp.
#pragma once

#include "graph/attributes.h"

#include <string>

namespace lemnos {

struct Normaliser {
    int64_t examples = 0; // that are normalised together in training; 0: all of a batch
    int64_t groups = 0;   // of channels; 0: every channel on its own
    bool running =
        true; // inference takes running statistics; otherwise each example's own moments, as training does

    // "batch", "ghost:32", "group:32", "batch-group:2x32", "instance" or "layer".
    static Normaliser parse(const std::string& text);

    // The number of groups for a layer of so many channels. As in the authors' code, groups have channels / groups channels,
    // at least one; where that does not divide the channels the layer is refused.
    int64_t groups_of(int64_t channels, const std::string& layer) const;
};

// The option that every architecture with normalisation has.
AttributeSpec normaliser_option();

} // namespace lemnos
