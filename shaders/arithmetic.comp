#version 450
#extension GL_GOOGLE_include_directive : require
// y[i] = a[i] (+ - *) b[(phase + i) % period], ITEM elements an invocation.
// variants: ITEM=4 ITEM=8
#include "arithmetic.h"
#include "linear.glsl"
layout(constant_id = 1) const uint OPERATION = 0; // 0: +, 1: -, 2: *
layout(constant_id = 2) const uint BROADCAST = 0; // 0: b is as long as a, 1: one element, 2: period and phase % ITEM == 0, 3: any
layout(binding = 1) readonly buffer B { float b[]; };
layout(binding = 2) writeonly buffer Y { float y[]; };

#if ITEM == 8 // see wide.glsl
#include "wide.glsl"
layout(binding = 0) readonly buffer AItems { u64vec4 a_items[]; };
layout(binding = 1) readonly buffer BItems { u64vec4 b_items[]; };
layout(binding = 2) writeonly buffer YItems { u64vec4 y_items[]; };
#define Item Eight
#define UNPACK(v) unpack8(v)
#define PACK(v) pack8(v.lo, v.hi)
Eight filled(float v) { return Eight(vec4(v), vec4(v)); }
Eight combined(Eight p, Eight q) {
    return OPERATION == 0 ? Eight(p.lo + q.lo, p.hi + q.hi)
                          : OPERATION == 1 ? Eight(p.lo - q.lo, p.hi - q.hi) : Eight(p.lo * q.lo, p.hi * q.hi);
}
float part(Eight v, uint c) { return c < 4 ? v.lo[c] : v.hi[c - 4]; }
void set_part(inout Eight v, uint c, float value) {
    if (c < 4) v.lo[c] = value;
    else v.hi[c - 4] = value;
}
#else
layout(binding = 0) readonly buffer AItems { vec4 a_items[]; };
layout(binding = 1) readonly buffer BItems { vec4 b_items[]; };
layout(binding = 2) writeonly buffer YItems { vec4 y_items[]; };
#define Item vec4
#define UNPACK(v) v
#define PACK(v) v
vec4 filled(float v) { return vec4(v); }
vec4 combined(vec4 p, vec4 q) { return OPERATION == 0 ? p + q : OPERATION == 1 ? p - q : p * q; }
float part(vec4 v, uint c) { return v[c]; }
void set_part(inout vec4 v, uint c, float value) { v[c] = value; }
#endif

Item second(uint i) {
    if (BROADCAST == 0) return UNPACK(b_items[i]);
    if (BROADCAST == 1) return filled(b[0]);
    uint j = (phase + ITEM * i) % period;
    if (BROADCAST == 2) return UNPACK(b_items[j / ITEM]);
    Item result;
    for (uint c = 0; c < ITEM; ++c) {
        set_part(result, c, b[j]);
        j = j + 1 == period ? 0 : j + 1;
    }
    return result;
}

void main() {
    const uint i = linear_index(), first = ITEM * i;
    if (first >= count) return;
    const Item result = combined(UNPACK(a_items[i]), second(i));
    if (first + ITEM <= count)
        y_items[i] = PACK(result);
    else
        for (uint c = 0; first + c < count; ++c) y[first + c] = part(result, c);
}
