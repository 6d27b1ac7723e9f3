#version 450
#extension GL_GOOGLE_include_directive : require
// y = x * scale where the element's random word reaches the threshold, 0 elsewhere; one invocation for the
// four elements of an example that share a draw. The draw does not depend on the example's place in the
// batch.
// variants: REAL=32 REAL=16
#include "dropout.h"
#include "linear.glsl"
#include "philox.glsl"
#include "quotient.glsl"
#include "real.glsl"
layout(constant_id = 1) const bool ALIGNED = true; // elements is a multiple of 4
layout(binding = 0) readonly buffer X { Real x[]; };
layout(binding = 0) readonly buffer X4 { Real4 x4[]; };
layout(binding = 1) readonly buffer Samples { uint samples[]; };
layout(binding = 2) readonly buffer Step { uvec4 step_words; }; // seed low, seed high, epoch
layout(binding = 3) writeonly buffer Y { Real y[]; };
layout(binding = 3) writeonly buffer Y4 { Real4 y4[]; };

void main() {
    const uint i = linear_index();
    const uint example = quotient(i, quads_multiplier, quads_shift), quad = i - example * quads;
    if (example >= examples) return;
    const uvec4 bits = philox(uvec4(samples[example], step_words.z, purpose, quad), step_words.xy);
    const vec4 factor = mix(vec4(scale), vec4(0), lessThan(bits, uvec4(threshold)));
    if (ALIGNED) {
        y4[i] = to_real4(from_real4(x4[i]) * factor);
        return;
    }
    const uint first = example * elements + 4 * quad;
    for (uint c = 0; c < 4 && 4 * quad + c < elements; ++c) y[first + c] = Real(float(x[first + c]) * factor[c]);
}
