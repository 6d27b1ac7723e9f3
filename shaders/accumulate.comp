#version 450
#extension GL_GOOGLE_include_directive : require
// total = addend in the first micro-batch, total + addend in later ones. What lies behind the end of the total stays.
// variants: ITEM=4 ITEM=8
#include "items.glsl"
#include "accumulate.h"
#include "linear.glsl"
layout(binding = 0) buffer Total { Bits total[]; };
layout(binding = 1) readonly buffer Addend { Bits addend[]; };
layout(binding = 2) readonly buffer Keep { float keep[]; }; // 0: first micro-batch, 1: later

void main() {
    const uint i = linear_index();
    if (i * ITEM >= count) return;
    const Item before = unpack(total[i]);
    Item sum = unpack(addend[i]);
    if (keep[0] != 0.0) sum = plus(before, sum);
    if ((i + 1) * ITEM > count)
        for (uint c = count - i * ITEM; c < ITEM; ++c) set_element(sum, c, element(before, c));
    total[i] = pack(sum);
}
