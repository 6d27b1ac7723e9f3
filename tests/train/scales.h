// A network whose normalisations read the image itself at several scales, so that their statistics can be computed from the
// pixels: "a" at 6 x 6, "b" at 3 x 3, where asked for "c" at a single cell. What they give is pooled, added up and
// classified by "head".
#pragma once

#include "data/dataset.h"
#include "models/layers.h"
#include "models/model.h"
#include "ops/harness.h"
#include "support/random.h"

#include <cstring>

namespace lemnos::test {

inline constexpr int scales_size = 6, scales_channels = 3;

inline Architecture scales(bool single_cell = true) {
    Architecture network;
    network.name = "scales";
    network.image = network.graph.input("image", {DataType::f32, {1, scales_size, scales_size, scales_channels}});
    LayerBuilder layers(network, {{"norm", std::string("batch")}});
    const auto pooled = [&](Value x) { return layers.add("global_average_pool", {x}, {}, ""); };
    const std::vector<int64_t> one{1, 1}, two{2, 2};
    const Value a = layers.normalisation(network.image, "a", "relu");
    const Value half = layers.add("max_pool", {network.image}, {{"kernel", one}, {"stride", two}}, "");
    const Value b = layers.normalisation(half, "b", "relu");
    Value sum = layers.add("add", {pooled(a), pooled(b)}, {}, "");
    if (single_cell) sum = layers.add("add", {sum, layers.normalisation(pooled(network.image), "c", "none")}, {}, "");
    network.logits = layers.linear(sum, "head", 2, 0.5);
    network.pixels = {std::vector<double>(scales_channels, 0.5), std::vector<double>(scales_channels, 0.25)};
    return network;
}

inline std::shared_ptr<Model> scales_model(std::shared_ptr<Device> on = device(), bool single_cell = true) {
    auto model = std::make_shared<Model>(std::move(on), scales(single_cell));
    model->initialise(3);
    return model;
}

// Noise, brighter and darker from image to image and from channel to channel.
inline std::shared_ptr<const Dataset> noisy_pictures(int64_t count) {
    const RecordShape shape{scales_size, scales_size, scales_channels};
    std::vector<uint8_t> pixels;
    std::vector<int32_t> labels;
    for (int64_t i = 0; i < count; ++i) {
        labels.push_back(int32_t(i % 2));
        for (int64_t at = 0; at < shape.bytes(); ++at) {
            const uint32_t noise = random_bits(11, uint32_t(i), uint32_t(at), RandomPurpose::shuffle, 0)[0] % 90;
            pixels.push_back(uint8_t(noise + uint32_t(i * 37 % 100) + 20 * uint32_t(at % scales_channels)));
        }
    }
    return std::make_shared<MemoryDataset>("test", shape, std::move(pixels), std::move(labels), number_names(2));
}

template <typename Number>
bool same_bits(const std::vector<Number>& a, const std::vector<Number>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(Number)) == 0;
}

} // namespace lemnos::test
