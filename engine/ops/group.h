// Dispatches of shaders in which a workgroup works on one image, or one class of it
// (shaders/include/group.glsl).
#pragma once

#include "op.h"

#include <algorithm>
#include <bit>

namespace lemnos {

// A power of two. A CPU runs a workgroup's subgroups in turn, from barrier to barrier: one of them is best.
inline uint32_t group_lanes(const DeviceProfile& profile) {
    if (profile.family == KernelFamily::scalar) return std::bit_floor(profile.subgroup_size);
    return std::bit_floor(std::min({profile.max_invocations, profile.max_group_size_x, 256u}));
}

// A kernel of `groups` workgroups; further specialisation constants follow the two of the group.
inline Kernel group_kernel(const Emitter& e, const char* shader, int64_t groups,
                           std::initializer_list<uint32_t> constants = {}) {
    const uint32_t lanes = group_lanes(e.profile());
    Kernel kernel{.shader = shader, .specialisation = {lanes, lanes}};
    kernel.specialisation.insert(kernel.specialisation.end(), constants);
    kernel.groups = linear_groups(e.profile(), groups, 1);
    return kernel;
}

} // namespace lemnos
