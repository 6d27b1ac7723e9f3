// Operands that are read by their addresses instead of through their bindings. The addresses are pushed behind the parameters;
// the header of those comes after this one.
//     ADDRESSED(1, u64vec4, w)
// declares w.at[i], the elements of operand 1. Nobody checks an access: a shader reads inside its operands, as far as the last
// whole group of eight floats (binding_granularity in engine/vulkan/profile.h).
//
// Software Vulkan turns a read by address into a gather a word. For a read through a binding Mesa 25.0.7 writes a branch and
// a comparison for each lane and word: a u64vec4 takes 200 instructions instead of 20. The kernels of convolutions, which
// are mostly reads, compile in half the time by address, and their loops fit in a processor's instruction cache. Results go
// through bindings all the same, but for joined sums: scattering them took twice as long (Mesa 25.0.7 on an AMD EPYC, Winograd's
// input).
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#define OPERAND_ADDRESSES layout(offset = 128) uint64_t operand_addresses[16];
#define ADDRESSED(operand, type, name) \
    layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer name##_memory { type at[]; }; \
    name##_memory name = name##_memory(operand_addresses[operand]);
// Ahead of gathers a processor does not fetch, nor with AVX-512 ahead of 64-bit words through a binding, which are masked loads.
// Ahead of 32-bit words through a binding it does, and one of each eight numbers will do:
//     STREAMED(1, x)
// declares x.at[i], eight numbers (Real8 of wide.glsl) by address, ask_x(i), which reads the first word of these through the
// binding, and stream_x(i), which does both. A shader that walks along memory asks for what may lie far away just before it reads it:
//     for (uint i = first; i < end + (asked & never); i += step) … stream_x(i)
// What the words say is not used; the push constant `never` is 0, which no compiler knows. What this is worth, and where it is
// not: docs/architecture.md.
uint asked = 0;
#define STREAMED(operand, name) \
    ADDRESSED(operand, Real8, name) \
    layout(binding = operand) readonly buffer Words_##name { uint name##_words[]; }; \
    void ask_##name(uint i) { asked |= name##_words[i * 8 / IN_WORD]; } \
    Real8 stream_##name(uint i) { \
        ask_##name(i); \
        return name.at[i]; \
    }
