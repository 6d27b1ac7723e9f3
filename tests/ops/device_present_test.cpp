// There is a device, and it is the one that was asked for: everything else depends on it.
#include "ops/harness.h"

#include <iostream>

namespace lemnos::test {

struct DevicePresent : OpTest {};

TEST_F(DevicePresent, IsFound) {
    const DeviceInfo& info = device()->info();
    std::cout << info.name << " (" << info.type << ", " << info.driver << ", Vulkan "
              << (info.api_version >> 22) << "." << (info.api_version >> 12 & 1023) << ", subgroups of "
              << device()->profile().subgroup_size << ")\n";
    EXPECT_FALSE(info.name.empty());
}

} // namespace lemnos::test
