// Work that falls into parts which need nothing of each other, on all processors.
#pragma once

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

namespace lemnos {

// Threads that are waited for at the latest when this ends. Where the system has none to give, there are fewer.
class Threads {
  public:
    Threads() = default;
    ~Threads() { join(); }
    Threads(const Threads&) = delete;
    Threads& operator=(const Threads&) = delete;

    bool empty() const { return threads_.empty(); }
    // `work` is called on each of them, must be free of exceptions and outlive them.
    template <typename Work>
    void start(size_t count, const Work& work) {
        try {
            while (threads_.size() < count) threads_.emplace_back([&work] { work(); });
        } catch (const std::system_error&) {
        }
    }
    void join() {
        for (std::thread& thread : threads_) thread.join();
        threads_.clear();
    }

  private:
    std::vector<std::thread> threads_;
};

inline size_t processors() { return std::max(1u, std::thread::hardware_concurrency()); }

// Calls work(0) to work(count - 1), in any order; it throws nothing. This thread is one of those that work.
template <typename Work>
void side_by_side(size_t count, const Work& work) {
    std::atomic<size_t> next{0};
    const auto take = [&] {
        for (size_t i; (i = next++) < count;) work(i);
    };
    Threads others;
    if (count > 1) others.start(std::min(processors(), count) - 1, take);
    take();
}

} // namespace lemnos
