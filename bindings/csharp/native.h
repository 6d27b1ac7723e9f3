// What crosses between C# and C++: memory lent for a call, blocks of memory that are given, and failures that
// wait.
//
// No function pointer of C# is kept here: Unity's IL2CPP makes few of them, and none may outlive its
// application domain.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
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
    void* data;
    int64_t count;
};

namespace lemnos::binding {

// A block is a count and as many elements. Texts of C# come as blocks; texts and arrays for C# go as blocks,
// which it gives back to lemnos_csharp_release.
inline void* block(const void* elements, int64_t count, int64_t size) {
    char* const memory = static_cast<char*>(::operator new(sizeof count + size_t(count * size)));
    std::memcpy(memory, &count, sizeof count);
    if (count) std::memcpy(memory + sizeof count, elements, size_t(count * size));
    return memory;
}

inline std::string text_in(const void* block) {
    int64_t count = 0;
    std::memcpy(&count, block, sizeof count);
    return {static_cast<const char*>(block) + sizeof count, size_t(count)};
}

// The open devices. .NET runs no finalizers when a process ends, and lets background threads go on; but
// drivers tear themselves down then, and nothing may be at work on a device. So C# closes the devices when a
// process begins to end, and calls that fail of it on other threads are held back for a while, in which the
// process ends: an exception that nobody catches would end it with an error. (Later than that, in atexit,
// threads and layers have lost what closing needs.)
class OpenDevices {
  public:
    static void add(Device* device) {
        OpenDevices& all = get();
        const std::lock_guard lock(all.mutex_);
        all.devices_.push_back(device);
    }
    static void remove(Device* device) {
        OpenDevices& all = get();
        const std::lock_guard lock(all.mutex_);
        all.devices_.erase(std::remove(all.devices_.begin(), all.devices_.end(), device), all.devices_.end());
    }
    static void close() {
        OpenDevices& all = get();
        ends_the_process = true;
        all.ending_ = true;
        const std::lock_guard lock(all.mutex_);
        for (Device* device : all.devices_) {
            try {
                device->close();
            } catch (...) { // closed already, or lost, which is of no interest any more
            }
        }
        all.ending_ = false;
        all.ended_ = true;
    }
    static void hold_back_at_the_end() {
        using namespace std::chrono_literals;
        const OpenDevices& all = get();
        if (ends_the_process) return;
        while (all.ending_) std::this_thread::sleep_for(10ms);
        if (all.ended_) std::this_thread::sleep_for(5s);
    }

  private:
    static OpenDevices& get() {
        static auto* const all = new OpenDevices; // outlives all that is destroyed at the end
        return *all;
    }

    static inline thread_local bool ends_the_process = false;
    std::mutex mutex_;
    std::vector<Device*> devices_;
    std::atomic<bool> ending_ = false, ended_ = false;
};

// The failure of this thread's last call, until C# takes it; it looks after every call.
inline thread_local std::optional<Failure> waiting;
inline thread_local int32_t waiting_code = 0;

inline void wait_to_be_raised(const Failure& failure) {
    OpenDevices::hold_back_at_the_end();
    waiting = failure;
    waiting_code = failure.code();
}

} // namespace lemnos::binding
