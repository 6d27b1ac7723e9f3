#include "data/augmentation.h"

#include "support/error.h"

namespace lemnos {

void augment(const Image&, const Draw&, int, int, uint8_t*, std::vector<Box>&) {
    fail(ErrorCode::unsupported, "Pictures with boxes cannot be augmented yet.");
}

} // namespace lemnos
