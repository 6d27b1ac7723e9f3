// What a device can do at most, measured with two kernels that use one of its resources each (ops/measure.cpp): multiply-adds
// without loads, and streams without arithmetic. What other kernels reach is given as a share of that.
#pragma once

#include "vulkan/device.h"

namespace lemnos {

struct Ceilings {
    double flops = 0, bytes = 0; // a second; 0: the memory that measuring takes was not to be had
    // The least time that a kernel can take, were it bound by the one or by the other alone.
    double arithmetic_seconds(double kernel_flops) const { return flops > 0 ? kernel_flops / flops : 0; }
    double memory_seconds(double kernel_bytes) const { return bytes > 0 ? kernel_bytes / bytes : 0; }
};

// The best of a few repetitions. Throws unsupported where the device has no timestamps.
Ceilings measure_ceilings(const std::shared_ptr<Device>& device);

} // namespace lemnos
