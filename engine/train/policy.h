// How single segments differ in an update, and which layers keep their statistics, as a user writes it down.
#pragma once

#include "graph/graph.h"
#include "train/chunks.h"

namespace lemnos {

// "features.0.* frozen; *.bias decay=0 rate=2; @gamma target=1": patterns of names (* is any text, ? any character), or
// @gamma and @beta, which are the scales and the shifts of the graph's normalisations whatever their names, with factors
// of the learning rate and of the weight decay, the value that the decay pulls towards, or the word frozen, which a later
// rate takes back. Later words win; what fits no segment is refused.
std::vector<SegmentPolicy> parse_policies(const std::string& text, const Graph& graph, const ArenaLayout& layout,
                                          bool decay_weights_alone);

// The names of the normalisations that one of these patterns fits ("features.0.1; features.1.*").
std::vector<std::string> normalisations_fitting(const std::string& patterns, const Graph& graph);

} // namespace lemnos
