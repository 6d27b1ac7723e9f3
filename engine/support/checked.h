// Arithmetic on sizes that refuses to wrap: a size that does not fit 64 bits is an error, never a small number.
#pragma once

#include "support/error.h"

#include <cstdint>
#include <initializer_list>

namespace lemnos {

inline int64_t checked_multiply(int64_t a, int64_t b) {
    int64_t result = 0;
    if (__builtin_mul_overflow(a, b, &result))
        fail(ErrorCode::invalid_argument, "The size ", a, " x ", b, " does not fit 64 bits.");
    return result;
}

inline int64_t checked_add(int64_t a, int64_t b) {
    int64_t result = 0;
    if (__builtin_add_overflow(a, b, &result))
        fail(ErrorCode::invalid_argument, "The size ", a, " + ", b, " does not fit 64 bits.");
    return result;
}

inline int64_t divide_up(int64_t value, int64_t by) { return value / by + (value % by != 0); }

inline int64_t round_up(int64_t value, int64_t multiple) {
    return checked_multiply(divide_up(value, multiple), multiple);
}

} // namespace lemnos
