// Counts, and on request refuses, what operator new hands out to this thread. The replacement of the operators is in
// replay_test.cpp: one for the whole executable.
#pragma once

#include <cstdint>

namespace lemnos::test {

struct HostMemory {
    int64_t allocations = 0; // on this thread, outside Vulkan
    int64_t fail_at = 0;     // the allocation, from 1 since reset(), that throws bad_alloc; 0: none
    int paused = 0;          // inside Vulkan, whose layers and drivers allocate as they like
    bool failed = false;
    void reset(int64_t fail) {
        allocations = 0;
        fail_at = fail;
        failed = false;
    }
    static void pause(bool entering);
};
extern thread_local HostMemory host_memory;

} // namespace lemnos::test
