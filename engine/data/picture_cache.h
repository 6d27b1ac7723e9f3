// Decoded pictures, kept in memory so that later epochs need not decode them again.
#pragma once

#include "data/image.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace lemnos {

// Holds what comes first until its memory is spent, and never drops anything: an epoch asks for every picture
// once, and then a cache that drops the oldest would never hold the next one.
class PictureCache {
  public:
    static constexpr int64_t usual_bytes = int64_t(512) << 20;

    explicit PictureCache(size_t pictures, int64_t most_bytes = usual_bytes)
        : kept_(pictures), bytes_left_(most_bytes) {}

    // The picture at a place: the one kept, or what `decode` makes. Any thread; two that ask for one picture
    // at once may both decode it.
    std::shared_ptr<const Image> get(size_t place, const std::function<Image()>& decode) const;

    int64_t bytes_left() const;

  private:
    mutable std::mutex mutex_;
    mutable std::vector<std::shared_ptr<const Image>> kept_;
    mutable int64_t bytes_left_;
};

} // namespace lemnos
