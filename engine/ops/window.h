// Parts of tensors that are larger than one binding may cover. A binding's offset must be a multiple of the
// device's alignment; a window begins at the multiple before the part and says where in it the part begins.
// Neighbouring windows therefore overlap, which the plan sees and orders.
#pragma once

#include "op.h"

#include <algorithm>

namespace lemnos {

// In bytes; at least what a binding's end is rounded up to.
inline int64_t window_alignment(const Emitter& e) {
    return std::max<int64_t>(e.profile().storage_alignment, 64);
}

struct Window {
    Operand operand;
    uint32_t first; // the part's first element, counted from the window's
};

// `count` elements from element `first` on, of so many bytes each.
inline Window window(const Emitter& e, const Operand& whole, int64_t first, int64_t count, int64_t bytes = 4) {
    const int64_t alignment = window_alignment(e), from = bytes * first / alignment * alignment;
    return {whole.slice(from, bytes * (first + count) - from), uint32_t(first - from / bytes)};
}

// The most elements that a window holds wherever it begins, its end rounded up.
inline int64_t window_limit(const Emitter& e) {
    return (e.profile().max_storage_range - 2 * window_alignment(e)) / 16 * 4;
}

// The most elements of a flat list in one binding when all parts but the last are so long: then every part
// begins where a binding can, even a list of single bytes.
inline int64_t flat_step(const Emitter& e) {
    return e.profile().max_storage_range / 4 / window_alignment(e) * window_alignment(e);
}

} // namespace lemnos
