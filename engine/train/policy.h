// How single segments differ in an update, as a user writes it down.
#pragma once

#include "train/chunks.h"

namespace lemnos {

// "features.0.* rate=0.1; *.bias decay=0 rate=2": patterns of names (* is any text, ? any character) with factors of the
// learning rate and of the weight decay. Later entries win; a pattern that fits no segment is refused.
std::vector<SegmentPolicy> parse_policies(const std::string& text, const ArenaLayout& layout, bool decay_weights_alone);

} // namespace lemnos
