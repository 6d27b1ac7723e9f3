#version 450
#extension GL_GOOGLE_include_directive : require
// average += share (parameters - average), and for Lookahead parameters = average: over whole arenas. With a share of 0
// nothing is touched, with 1 the parameters are copied.
// variants: ITEM=4 ITEM=8
#include "items.glsl"
#include "blend.h"
#include "optimizer.h"
#include "linear.glsl"
layout(constant_id = 1) const bool WRITES_BACK = false;
layout(binding = 0) buffer Average { Bits average[]; };
layout(binding = 1) buffer Parameters { Bits parameters[]; };
layout(binding = 2) readonly buffer Scalars { float scalars[]; };

void main() {
    const uint i = linear_index();
    const float share = scalars[scalar];
    if (i >= count || share == 0 || scalars[OPTIMIZER_SKIP] != 0.0) return;
    const Item p = unpack(parameters[i]);
    if (share == 1.0) {
        average[i] = pack(p);
        return;
    }
    // Where both are -0, a + share (p - a) would be +0.
    const Item a = unpack(average[i]), result = minus(a, times(filled(share), minus(a, p)));
    average[i] = pack(result);
    if (WRITES_BACK) parameters[i] = pack(result);
}
