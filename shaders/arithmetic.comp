#version 450
#extension GL_GOOGLE_include_directive : require
// y[i] = a[i] (+ - *) b[(phase + i) % period], ITEM elements an invocation.
// variants: ITEM=4 ITEM=8 ITEM=4,REAL=16 ITEM=8,REAL=16
#include "items.glsl"
#include "arithmetic.h"
#include "linear.glsl"
layout(constant_id = 1) const uint OPERATION = 0; // 0: +, 1: -, 2: *
// 0: b is as long as a, 1: one element, 2: period and phase are multiples of ITEM, 3: any
layout(constant_id = 2) const uint BROADCAST = 0;
layout(binding = 0) readonly buffer A { Bits a[]; };
layout(binding = 1) readonly buffer B { Real b[]; };
layout(binding = 1) readonly buffer BBits { Bits b_bits[]; };
layout(binding = 2) writeonly buffer Y { Real y[]; };
layout(binding = 2) writeonly buffer YBits { Bits y_bits[]; };

Item second(uint i) {
    if (BROADCAST == 0) return unpack(b_bits[i]);
    if (BROADCAST == 1) return filled(float(b[0]));
    uint j = (phase + ITEM * i) % period;
    if (BROADCAST == 2) return unpack(b_bits[j / ITEM]);
    Item result;
    for (uint c = 0; c < ITEM; ++c) {
        set_element(result, c, float(b[j]));
        j = j + 1 == period ? 0 : j + 1;
    }
    return result;
}

void main() {
    const uint i = linear_index(), first = ITEM * i;
    if (first >= count) return;
    const Item p = unpack(a[i]), q = second(i);
    const Item result = OPERATION == 0 ? plus(p, q) : OPERATION == 1 ? minus(p, q) : times(p, q);
    if (first + ITEM <= count)
        y_bits[i] = pack(result);
    else
        for (uint c = 0; first + c < count; ++c) y[first + c] = Real(element(result, c));
}
