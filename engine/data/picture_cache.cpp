#include "data/picture_cache.h"

#include <utility>

namespace lemnos {

std::shared_ptr<const Image> PictureCache::get(size_t place, const std::function<Image()>& decode) const {
    {
        const std::lock_guard lock(mutex_);
        if (kept_[place]) return kept_[place];
    }
    auto picture = std::make_shared<const Image>(decode());
    const auto bytes = static_cast<int64_t>(picture->pixels.size());
    const std::lock_guard lock(mutex_);
    if (!kept_[place] && bytes <= bytes_left_) {
        kept_[place] = picture;
        bytes_left_ -= bytes;
    }
    return picture;
}

int64_t PictureCache::bytes_left() const {
    const std::lock_guard lock(mutex_);
    return bytes_left_;
}

} // namespace lemnos
