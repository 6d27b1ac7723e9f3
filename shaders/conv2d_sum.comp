#version 450
#extension GL_GOOGLE_include_directive : require
// out[i] = Σ_p partial[p][i], p rising, or out[i] + that sum: the second half of every split gradient, in a
// fixed order, so that the bits repeat.
// variants: JOINED=0 JOINED=1
// JOINED: several sums of multiples of eight elements, eight an invocation. On a CPU, starting a dispatch takes longer than
// adding up the gradient of a small filter. Which operands an invocation reads is a matter of its workgroup, so that they are
// reached by address.
#if JOINED
#include "addressed.glsl"
#include "wide.glsl"
#extension GL_EXT_control_flow_attributes : require
#endif
#include "conv2d_sum.h"
layout(local_size_x_id = 0) in;  // 0: workgroup size, best the subgroup's on a CPU
#include "folded.glsl"

#if JOINED
ADDRESSED(0, float, keep)
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Partial { u64vec4 at[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer PartialWords { uint at[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Result { u64vec4 at[]; };

const uint NEIGHBOUR_LINES = 8 * 8 / LINE;

void main() {
    uint j = 0;
    while (j + 1 < sums && folded_group() >= first_group[j + 1]) j++;
    const uint i = (folded_group() - first_group[j]) * gl_WorkGroupSize.x + gl_LocalInvocationID.x, items = count[j] / 8;
    if (i >= items) return;
    Partial partial = Partial(operand_addresses[1 + 2 * j]);
    Result result = Result(operand_addresses[2 + 2 * j]);
    uint asked = 0;  // for the copies of eight neighbours at a time: see wide.glsl
    PartialWords words = PartialWords(operand_addresses[1 + 2 * j]);
    [[dont_unroll]] for (uint t = i % 8; t < ask * copies[j] * NEIGHBOUR_LINES; t += 8)
        asked |= words.at[(t / NEIGHBOUR_LINES * items + i / 8 * 8) * 8 + t % NEIGHBOUR_LINES * LINE];
    Eight sum = Eight(vec4(0), vec4(0));
    for (uint p = 0; p < copies[j]; p++) {
        const Eight v = unpack8(partial.at[p * items + i + (asked & never)]);
        sum.lo += v.lo;
        sum.hi += v.hi;
    }
    if (adds[j] == SUM_ADDS || adds[j] == SUM_ADDS_KEPT && keep.at[0] != 0.0) {
        const Eight before = unpack8(result.at[i]);
        sum.lo += before.lo;
        sum.hi += before.hi;
    }
    result.at[i] = pack8(sum.lo, sum.hi);
}
#else
layout(binding = 0) readonly buffer Keep { float keep[]; };
layout(binding = 1) readonly buffer Partial { float partial[]; };
layout(binding = 2) buffer Result { float result[]; };

void main() {
    const uint i = folded_index();
    if (i >= count[0]) return;
    float sum = 0.0;
    for (uint p = 0; p < copies[0]; p++) sum += partial[p * count[0] + i];
    if (adds[0] == SUM_ADDS || adds[0] == SUM_ADDS_KEPT && keep[0] != 0.0) sum += result[i];
    result[i] = sum;
}
#endif
