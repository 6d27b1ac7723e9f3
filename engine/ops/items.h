// The variants of elementwise shaders: how many neighbouring elements an invocation handles
// (shaders/include/items.glsl).
#pragma once

#include "op.h"

namespace lemnos {

inline uint32_t item_size(const DeviceProfile& profile) {
    return profile.family == KernelFamily::scalar ? 8 : 4;
}

inline std::string item_variant(const char* shader, uint32_t item) { return text(shader, ".", item); }

} // namespace lemnos
