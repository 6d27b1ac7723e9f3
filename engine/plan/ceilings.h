// What a device can do at most, measured with two kernels that use one of its resources each (ops/measure.cpp): multiply-adds
// without loads, and streams without arithmetic. What other kernels reach is given as a share of that.
#pragma once

#include "vulkan/device.h"

#include <array>

namespace lemnos {

// Forms of the operator stream_ceiling, of which the best counts: a vec4 an invocation, as anyone would write it, and as a
// device moves items fastest, in short and in long runs.
struct StreamForm {
    int64_t lanes, each, item;
};
inline constexpr std::array stream_forms{StreamForm{64, 1, 4}, StreamForm{64, 1, 0}, StreamForm{8, 64, 0}};

struct Ceilings {
    double flops = 0, bytes = 0; // a second; 0: the memory that measuring takes was not to be had
    // The least time that a kernel can take, were it bound by the one or by the other alone.
    double arithmetic_seconds(double kernel_flops) const { return flops > 0 ? kernel_flops / flops : 0; }
    double memory_seconds(double kernel_bytes) const { return bytes > 0 ? kernel_bytes / bytes : 0; }
};

// The best of a few repetitions. Throws unsupported where the device has no timestamps.
Ceilings measure_ceilings(const std::shared_ptr<Device>& device);

} // namespace lemnos
