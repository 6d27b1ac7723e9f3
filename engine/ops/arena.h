// What operators over whole arenas have in common.
#pragma once

#include "op.h"

namespace lemnos {

inline constexpr int64_t arena_block = 64; // floats; segments begin at multiples of it

// Input i is an arena, [blocks, 64], of the shape of input 0.
inline void require_arena(const Signature& s, int i, const char* name) {
    s.require_type(i, DataType::f32, name);
    s.require(s.input(i).rank() == 2 && s.shape(i)[1] == arena_block, "the input ", name, " (", to_string(s.input(i)),
              ") is no arena [blocks, 64].");
    s.require(s.shape(i) == s.shape(0), "the input ", name, " (", to_string(s.input(i)), ") differs in shape from the first (",
              to_string(s.input(0)), ").");
}

} // namespace lemnos
