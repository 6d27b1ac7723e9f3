// The variants of elementwise shaders: how many neighbouring elements an invocation handles
// (shaders/include/items.glsl).
#pragma once

#include "op.h"

namespace lemnos {

inline uint32_t item_size(const DeviceProfile& profile) {
    return profile.family == KernelFamily::scalar ? 8 : 4;
}

inline std::string item_variant(const char* shader, uint32_t item, DataType dtype = DataType::f32) {
    return text(shader, ".", item, dtype == DataType::f16 ? ".16" : "");
}

// Of shaders that take one number at a time or always four (shaders/include/real.glsl).
inline std::string real_variant(const char* shader, DataType dtype) { return text(shader, ".", 8 * size_of(dtype)); }

} // namespace lemnos
