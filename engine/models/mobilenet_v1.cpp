// MobileNetV1: depthwise separable convolutions (Howard et al., arXiv 1704.04861, table 1). Names follow those of MobileNetV2.
#include "models/mobilenet.h"

#include <algorithm>

using namespace lemnos;

namespace {

struct Block {
    int64_t channels, stride;
};
constexpr Block blocks[] = {{64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
                            {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};

Architecture build(const Attributes& options) {
    const double width = options.real("width");
    require(width > 0, "Model mobilenet_v1: the width (", width, ") must be above 0.");
    const Padding padding = options.choice("padding") == "same" ? Padding::same : Padding::symmetric;
    Architecture network = begin_network("mobilenet_v1", options);
    network.pixels = {std::vector<double>(size_t(network.channels()), 0.5),
                      std::vector<double>(size_t(network.channels()), 0.5)};
    LayerBuilder layers(network, options);
    Value x = mobilenet_v1_features(layers, network.image, {.width = width, .padding = padding}).last;
    x = layers.global_average_pool(x);
    x = layers.dropout(x, "classifier.0", options.real("dropout"));
    network.logits = layers.linear(x, "classifier.1", options.integer("classes"), 0.01);
    return network;
}

} // namespace

namespace lemnos {

MobileNetFeatures mobilenet_v1_features(LayerBuilder& layers, Value image, const MobileNetOptions& options) {
    const auto thinned = [&](int64_t channels) { return std::max<int64_t>(8, int64_t(double(channels) * options.width)); };
    const Padding padding = options.padding;
    Value x = layers.unit(image, "features.0.0", "features.0.1",
                          {.channels = thinned(32), .stride = options.stem_stride, .padding = padding}, "relu6");
    MobileNetFeatures features;
    for (size_t i = 0; i < std::size(blocks); ++i) {
        const auto module = [&](int part) { return text("features.", i + 1, ".", part); };
        const int64_t inputs = layers.channels(x);
        x = layers.unit(x, module(0), module(1), {.channels = inputs, .stride = blocks[i].stride, .groups = inputs, .padding = padding},
                        "relu6");
        x = layers.unit(x, module(3), module(4), {.channels = thinned(blocks[i].channels), .kernel = 1}, "relu6");
        if (blocks[i].channels == 512) features.stride16 = x; // the last of them
    }
    features.last = x;
    return features;
}

} // namespace lemnos

ArchitectureBuilder define_architecture_mobilenet_v1() {
    std::vector<AttributeSpec> options = classifier_options(224, 1000);
    options.push_back(normaliser_option());
    options.push_back(real_attribute("width", 1.0, 0, 16, "The width multiplier of every layer's channels."));
    options.push_back(real_attribute("dropout", 0.001, 0, 0.99, "Dropout before the classifier."));
    options.push_back(choice_attribute("padding", "symmetric", {"symmetric", "same"},
                                       "symmetric: one pixel on each side; same: TensorFlow's SAME."));
    return {.name = "mobilenet_v1",
            .summary = "MobileNetV1: depthwise separable convolutions (arXiv 1704.04861).",
            .options = std::move(options),
            .build = build};
}
