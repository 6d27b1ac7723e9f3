// CIFAR-10 as the test data holds it: shards of xz-packed residuals of a lossless predictor (MED of LOCO-I over the planes
// G, R - G and B - G). Unpacked here so that tests need nothing but the xz program.
#pragma once

#include "data/dataset.h"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace lemnos::test {

inline std::vector<uint8_t> unpacked_xz(const std::string& path) {
    std::vector<uint8_t> bytes;
    FILE* pipe = popen(("xz -dc '" + path + "'").c_str(), "r");
    if (!pipe) return bytes;
    uint8_t block[65536];
    for (size_t got; (got = fread(block, 1, sizeof block, pipe)) > 0;) bytes.insert(bytes.end(), block, block + got);
    return pclose(pipe) == 0 ? bytes : std::vector<uint8_t>{};
}

inline void decode_plane(const uint8_t* residual, int plane[32][32]) {
    for (int y = 0; y < 32; ++y)
        for (int x = 0; x < 32; ++x) {
            const int west = x ? plane[y][x - 1] : y ? plane[y - 1][x] : 0;
            const int north = y ? plane[y - 1][x] : x ? plane[y][x - 1] : 0;
            const int corner = x && y ? plane[y - 1][x - 1] : y ? plane[y - 1][x] : x ? plane[y][x - 1] : 0;
            const int low = std::min(west, north), high = std::max(west, north);
            const int predicted = corner >= high ? low : corner <= low ? high : west + north - corner;
            plane[y][x] = (predicted + residual[y * 32 + x]) & 255;
        }
}

// Null where a shard is missing or damaged.
inline std::shared_ptr<const Dataset> cifar10_from_shards(const std::vector<std::string>& paths) {
    std::vector<uint8_t> pixels;
    std::vector<int32_t> labels;
    for (const std::string& path : paths) {
        const std::vector<uint8_t> shard = unpacked_xz(path);
        if (shard.empty() || shard.size() % 3073 != 0) return nullptr;
        const size_t count = shard.size() / 3073;
        for (size_t i = 0; i < count; ++i) {
            labels.push_back(shard[i]);
            int planes[3][32][32];
            for (int p = 0; p < 3; ++p) decode_plane(shard.data() + count + (i * 3 + size_t(p)) * 1024, planes[p]);
            for (int y = 0; y < 32; ++y)
                for (int x = 0; x < 32; ++x) {
                    const int green = planes[0][y][x];
                    pixels.push_back(uint8_t(planes[1][y][x] - 128 + green));
                    pixels.push_back(uint8_t(green));
                    pixels.push_back(uint8_t(planes[2][y][x] - 128 + green));
                }
        }
    }
    return std::make_shared<MemoryDataset>("test", RecordShape{32, 32, 3}, std::move(pixels), std::move(labels), number_names(10));
}

} // namespace lemnos::test
