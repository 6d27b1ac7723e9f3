// ITEM neighbouring numbers as one access, for elementwise shaders with the line "// variants: ITEM=4 ITEM=8 ITEM=4,REAL=16
// ITEM=8,REAL=16": four as a vec4, which GPUs like, or eight as in wide.glsl, with which lavapipe moves twice the bytes a
// second. Buffers hold Bits, or Real (see real.glsl). READ_ITEMS(1, name) declares load_name(i), item i of operand 1, streamed on
// lavapipe (addressed.glsl): the header of the parameters comes after this one, and loops over items go on until the last +
// (asked & never).
#include "real.glsl"
#if ITEM == 8
#include "addressed.glsl"
#include "wide.glsl"
#define Bits Real8
#define Item Eight
Item unpack(Bits v) { return from_real8(v); }
Bits pack(Item v) { return to_real8(v.lo, v.hi); }
Item filled(float v) { return Item(vec4(v), vec4(v)); }
Item plus(Item a, Item b) { return Item(a.lo + b.lo, a.hi + b.hi); }
Item minus(Item a, Item b) { return Item(a.lo - b.lo, a.hi - b.hi); }
Item times(Item a, Item b) { return Item(a.lo * b.lo, a.hi * b.hi); }
#define READ_ITEMS(number, name) \
    STREAMED(number, name) \
    Item load_##name(uint i) { return unpack(stream_##name(i)); }
float element(Item v, uint c) { return c < 4 ? v.lo[c] : v.hi[c - 4]; }
void set_element(inout Item v, uint c, float value) {
    if (c < 4) v.lo[c] = value;
    else v.hi[c - 4] = value;
}
#else
#define Bits Real4
#define Item vec4
Item unpack(Bits v) { return from_real4(v); }
Bits pack(Item v) { return to_real4(v); }
Item filled(float v) { return vec4(v); }
Item plus(Item a, Item b) { return a + b; }
Item minus(Item a, Item b) { return a - b; }
Item times(Item a, Item b) { return a * b; }
#define READ_ITEMS(number, name) \
    layout(binding = number) readonly buffer Read_##name { Bits name##_items[]; }; \
    Item load_##name(uint i) { return unpack(name##_items[i]); }
const uint asked = 0;
float element(Item v, uint c) { return v[c]; }
void set_element(inout Item v, uint c, float value) { v[c] = value; }
#endif
