#version 450
#extension GL_GOOGLE_include_directive : require
// out[i] = Σ_p partial[p][i], p rising, or out[i] + that sum: the second half of every split gradient, in a
// fixed order, so that the bits repeat.
// variants: WIDTH=1 WIDTH=8
// WIDTH elements an invocation: 8 where the count allows it and the device has 64-bit integers
// (include/wide.glsl).
#if WIDTH == 8
#include "wide.glsl"
#endif
#include "conv2d_sum.h"
layout(local_size_x_id = 0) in;  // 0: workgroup size, best the subgroup's on a CPU
#include "folded.glsl"
#if WIDTH == 8
layout(binding = 0) readonly buffer Partial { u64vec4 partial[]; };
layout(binding = 1) buffer Out { u64vec4 result[]; };
#else
layout(binding = 0) readonly buffer Partial { float partial[]; };
layout(binding = 1) buffer Out { float result[]; };
#endif
layout(binding = 2) readonly buffer Keep { float keep[]; };

void main() {
    const uint i = folded_index();
    const uint items = count / WIDTH;
    const bool added = adds == SUM_ADDS || adds == SUM_ADDS_KEPT && keep[0] != 0.0;
    if (i < items) {
#if WIDTH == 8
        Eight sum = Eight(vec4(0), vec4(0));
        for (uint p = 0; p < copies; p++) {
            const Eight v = unpack8(partial[p * items + i]);
            sum.lo += v.lo;
            sum.hi += v.hi;
        }
        if (added) {
            const Eight before = unpack8(result[i]);
            sum.lo += before.lo;
            sum.hi += before.hi;
        }
        result[i] = pack8(sum.lo, sum.hi);
#else
        float sum = 0.0;
        for (uint p = 0; p < copies; p++) sum += partial[p * items + i];
        if (added) sum += result[i];
        result[i] = sum;
#endif
    }
}
