// Eight floats as one access. On lavapipe a load or store costs per lane and per component, whatever the
// component's width: a u64vec4 moves eight floats for little more than a vec4 moves four (measured on Mesa
// 25.0.7, nanoseconds per 8 floats a lane: load 3.3 as vec4, 2.4 as u64vec4; store 3.0 and 1.7). Needs
// shaderInt64. Real8 is eight numbers of a tensor that may be of f16 (see real.glsl), which are half as many words.
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#include "real.glsl"

struct Eight {
    vec4 lo, hi;
};

vec4 unpack4(u64vec2 v) {
    return vec4(uintBitsToFloat(unpackUint2x32(v.x)), uintBitsToFloat(unpackUint2x32(v.y)));
}
u64vec2 pack4(vec4 v) {
    uvec4 u = floatBitsToUint(v);
    return u64vec2(packUint2x32(u.xy), packUint2x32(u.zw));
}
Eight unpack8(u64vec4 v) { return Eight(unpack4(v.xy), unpack4(v.zw)); }
u64vec4 pack8(vec4 lo, vec4 hi) { return u64vec4(pack4(lo), pack4(hi)); }

// RealWide4 is four, in 64-bit words.
#if REAL == 16
#define RealWide4 uint64_t
vec4 from_real_wide4(RealWide4 v) { return from_real4(unpackUint2x32(v)); }
#define Real8 u64vec2
Eight from_real8(Real8 v) { return Eight(from_real4(unpackUint2x32(v.x)), from_real4(unpackUint2x32(v.y))); }
Real8 to_real8(vec4 lo, vec4 hi) { return u64vec2(packUint2x32(to_real4(lo)), packUint2x32(to_real4(hi))); }
#else
#define RealWide4 u64vec2
vec4 from_real_wide4(RealWide4 v) { return unpack4(v); }
#define Real8 u64vec4
Eight from_real8(Real8 v) { return unpack8(v); }
Real8 to_real8(vec4 lo, vec4 hi) { return pack8(lo, hi); }
#endif

// What lies far away is asked for before it is read. Ahead of lavapipe's reads of 64-bit words a processor does not fetch: it
// waits at each cache line anew. Where what comes next does not lie a constant stride away (else see STREAMED in addressed.glsl),
// reading one 32-bit word of every line beforehand lets the waits overlap, the more lines the better (Mesa 25.0.7 on an AMD EPYC:
// large depthwise filter gradients, a strip at a time, in half of what a column at a time took). What the words say is not used:
//     asked |= x_words.at[word];
//     … x.at[at + (asked & never)]
// The push constant `never` is 0, which no compiler knows.
const uint LINE = 16 * IN_WORD; // numbers in a cache line

// What lies side by side is asked for by lanes in turn: of two lanes with 8 numbers of a line each for every other pixel. Asks for
// `block` of the `blocks` of 8 channels in the pixels from `first` to before `last` (x, y) of the image that begins at row `top`.
const uint ABREAST = LINE / 8;
#define ASK_PIXELS(asked, words, top, width, first, last) \
    [[dont_unroll]] for (int ask_y = (first).y; ask_y < (last).y; ask_y++) { \
        [[dont_unroll]] for (int ask_x = (first).x + int(block % ABREAST); ask_x < (last).x; ask_x += int(ABREAST)) \
            asked |= words.at[((uint((top) + ask_y) * (width) + uint(ask_x)) * blocks + block) * 8 / IN_WORD]; \
    }

// Real8 number `at_` of an operand that is read by address, or zeros where that is not inside. Read in any case: a branch around
// a load makes a driver like lavapipe compile twice as long, and its selection costs less than the branch.
#define READ8_INSIDE(result, from, inside_, at_) \
    { \
        const bool is_inside = inside_; \
        result = from_real8(from.at[is_inside ? (at_) : 0]); \
        if (!is_inside) result = Eight(vec4(0), vec4(0)); \
    }
