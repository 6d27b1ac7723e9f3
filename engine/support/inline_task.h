// A small piece of work, stored in place. Unlike std::function it never allocates, so a destructor may make one even
// when the host's memory is spent.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>

namespace lemnos {

class InlineTask {
  public:
    template <typename Work>
    InlineTask(const Work& work) { // not explicit: a lambda is given where a task is wanted
        static_assert(std::is_trivially_copyable_v<Work> && sizeof(Work) <= capacity && alignof(Work) <= alignof(void*));
        new (storage_) Work(work);
        run_ = [](const void* stored) { (*static_cast<const Work*>(stored))(); };
    }
    void operator()() const { run_(storage_); }

  private:
    static constexpr size_t capacity = 48;
    alignas(void*) std::byte storage_[capacity];
    void (*run_)(const void*);
};

} // namespace lemnos
