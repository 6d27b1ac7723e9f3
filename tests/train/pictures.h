// What a small network learns in seconds.
#pragma once

#include "data/dataset.h"
#include "support/random.h"

#include <memory>

namespace lemnos::test {

// Small pictures of two classes that a network can tell apart: dark ones and bright ones, with noise.
inline std::shared_ptr<const Dataset> pictures(int64_t count) {
    const RecordShape shape{12, 12, 1};
    std::vector<uint8_t> pixels;
    std::vector<int32_t> labels;
    for (int64_t i = 0; i < count; ++i) {
        labels.push_back(int32_t(i % 2));
        for (int64_t at = 0; at < shape.bytes(); ++at) {
            const uint32_t noise = random_bits(7, uint32_t(i), uint32_t(at), RandomPurpose::shuffle, 0)[0] % 100;
            pixels.push_back(uint8_t(noise + (i % 2 ? 120 : 20)));
        }
    }
    return std::make_shared<MemoryDataset>("test", shape, std::move(pixels), std::move(labels), number_names(2));
}

} // namespace lemnos::test
