// What crosses between C# and C++: memory lent for a call, blocks of memory that are given, and failures that wait.
//
// No function pointer of C# is kept here: Unity's IL2CPP makes few of them, and none may outlive its application domain.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>

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

// The failure of this thread's last call, until C# takes it; it looks after every call.
inline thread_local std::optional<Failure> waiting;
inline thread_local int32_t waiting_code = 0;

inline void wait_to_be_raised(const Failure &failure) {
    waiting = failure;
    waiting_code = failure.code();
}

} // namespace lemnos::binding
