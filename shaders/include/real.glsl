// The numbers of a tensor as memory holds them: f32, or f16 where REAL is 16. Shaders compute in f32 whatever they load and
// store. "// variants: REAL=32 REAL=16" compiles both.
//   Real    one number, of which a buffer is made: float(x[i]), x[i] = Real(v)
//   Real4   four neighbours, halves two to a word, the first lowest: on lavapipe a load costs by the component, so that two
//           words are cheaper than four halves
//   IN_WORD numbers in a 32-bit word
#ifndef REAL_GLSL
#define REAL_GLSL
#if REAL == 16
#extension GL_EXT_shader_16bit_storage : require
#define Real float16_t
#define Real4 uvec2
vec4 from_real4(Real4 v) { return vec4(unpackHalf2x16(v.x), unpackHalf2x16(v.y)); }
Real4 to_real4(vec4 v) { return uvec2(packHalf2x16(v.xy), packHalf2x16(v.zw)); }
const uint IN_WORD = 2;
#else
#define Real float
#define Real4 vec4
vec4 from_real4(Real4 v) { return v; }
Real4 to_real4(vec4 v) { return v; }
const uint IN_WORD = 1;
#endif
#endif
