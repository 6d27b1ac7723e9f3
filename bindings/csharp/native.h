// What crosses between C# and C++: memory lent for a call, blocks of memory that are given, and failures that wait.
//
// No function pointer of C# is kept here: Unity's IL2CPP makes few of them, and none may outlive its application domain.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "objects.h"

// Memory of C#, pinned for the call.
struct lemnos_memory {
    void *data;
    int64_t count;
};

namespace lemnos::binding {

// A block is a count and as many elements. Texts of C# come as blocks; texts and arrays for C# go as blocks, which it gives
// back to lemnos_csharp_release.
inline void *block(const void *elements, int64_t count, int64_t size) {
    char *const memory = static_cast<char *>(::operator new(sizeof count + size_t(count * size)));
    std::memcpy(memory, &count, sizeof count);
    if (count) std::memcpy(memory + sizeof count, elements, size_t(count * size));
    return memory;
}

inline std::string text_in(const void *block) {
    int64_t count = 0;
    std::memcpy(&count, block, sizeof count);
    return {static_cast<const char *>(block) + sizeof count, size_t(count)};
}

// The open devices. .NET runs no finalizers when a process ends, and lets background threads go on; but drivers tear
// themselves down then, and nothing may be at work on a device. So the devices are closed first, and what calls fail of it
// on other threads does not come back: an exception that nobody catches would end the process with an error.
class OpenDevices {
  public:
    static void add(Device *device) {
        OpenDevices &all = get();
        const std::lock_guard lock(all.mutex_);
        if (!all.registered_) all.registered_ = std::atexit(close_all) == 0; // after the driver's own: it runs before them
        all.devices_.push_back(device);
    }
    static void remove(Device *device) {
        OpenDevices &all = get();
        const std::lock_guard lock(all.mutex_);
        all.devices_.erase(std::remove(all.devices_.begin(), all.devices_.end(), device), all.devices_.end());
    }
    static void stay_when_the_process_ends() {
        while (get().ending_) std::this_thread::sleep_for(std::chrono::hours(1));
    }

  private:
    static OpenDevices &get() {
        static auto *const all = new OpenDevices; // outlives all that is destroyed at the end
        return *all;
    }
    static void close_all() {
        OpenDevices &all = get();
        all.ending_ = true;
        const std::lock_guard lock(all.mutex_);
        for (Device *device : all.devices_) {
            try {
                device->close();
            } catch (...) { // a lost device, which is of no interest any more
            }
        }
    }

    std::mutex mutex_;
    std::vector<Device *> devices_;
    bool registered_ = false;
    std::atomic<bool> ending_ = false;
};

// The failure of this thread's last call, until C# takes it; it looks after every call.
inline thread_local std::optional<Failure> waiting;
inline thread_local int32_t waiting_code = 0;

inline void wait_to_be_raised(const Failure &failure) {
    OpenDevices::stay_when_the_process_ends();
    waiting = failure;
    waiting_code = failure.code();
}

} // namespace lemnos::binding
