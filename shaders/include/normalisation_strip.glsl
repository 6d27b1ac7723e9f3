// A channel of a set, whose moments and results one invocation computes, all in one dispatch: where a set is small, three
// dispatches would cost more than what they compute, and what is read again lies in the cache. Needs the push constants of
// normalisation.h.
#extension GL_EXT_control_flow_attributes : require
#include "linear.glsl"
#include "real.glsl"
#include "normalisation.glsl"
layout(constant_id = 1) const bool COUNTED = false; // only the first examples count
layout(constant_id = 2) const uint ACTIVATION = 0;
const uint BLOCK = 16; // rows that are summed before their sum is added to that of all: so sums round less

struct Strip {
    uint set, channel;
    bool inside; // of the sets; the channel may lie behind the last
    uint at;     // element of the first row
};

Strip this_strip() {
    const uint index = linear_index(), padded = padded_channels();
    Strip strip;
    strip.set = index / padded;
    strip.channel = index - strip.set * padded;
    strip.inside = strip.set < sets;
    strip.at = skip + strip.set * rows * channels + strip.channel;
    return strip;
}

// As the kernels for larger sets.
float normalised(float x, float mean, float scale, float shift) { return normalise(vec4(x), vec4(mean), vec4(scale), vec4(shift)).x; }
