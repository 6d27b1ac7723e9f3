#include "data/bad_pictures.h"

#include "support/error.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

namespace lemnos {

std::vector<std::string> find_bad_pictures(int64_t count, const std::function<void(int64_t)>& decode) {
    std::vector<std::string> wrong(static_cast<size_t>(count));
    std::atomic<int64_t> next = 0;
    std::exception_ptr failure; // of another kind: no memory, say
    std::mutex mutex;
    const auto work = [&] {
        for (int64_t i; (i = next++) < count;) {
            try {
                decode(i);
            } catch (const Error& error) {
                wrong[static_cast<size_t>(i)] = error.what();
            } catch (...) {
                const std::lock_guard lock(mutex);
                failure = std::current_exception();
                next = count;
            }
        }
    };
    {
        std::vector<std::jthread> threads;
        const auto most =
            static_cast<unsigned>(std::min<int64_t>(count, std::thread::hardware_concurrency()));
        try {
            for (unsigned i = 1; i < most; ++i) threads.emplace_back(work);
        } catch (const std::system_error&) { // fewer threads, then
        }
        work();
    }
    if (failure) std::rethrow_exception(failure);
    return wrong;
}

} // namespace lemnos
