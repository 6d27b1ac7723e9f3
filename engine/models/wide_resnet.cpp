// Wide residual networks for 32 x 32 images (Zagoruyko and Komodakis, arXiv 1605.07146): normalisation and activation come
// before each convolution, and the stages are `width` times as wide as ResNet's.
#include "models/layers.h"

#include <cmath>

using namespace lemnos;

namespace {

Value block(LayerBuilder& layers, const Graph& graph, Value x, const std::string& name, int64_t channels,
            int64_t stride, double dropout) {
    const bool changes = stride != 1 || graph.shape(x).back() != channels;
    const Value first = layers.normalisation(x, name + ".bn1", "relu");
    Value y = layers.convolution(first, name + ".conv1", {.channels = channels, .stride = stride});
    y = layers.normalisation(y, name + ".bn2", "relu");
    y = layers.dropout(y, name + ".dropout", dropout);
    y = layers.convolution(y, name + ".conv2", {.channels = channels});
    if (changes)
        x = layers.convolution(first, name + ".shortcut",
                               {.channels = channels, .kernel = 1, .stride = stride});
    return layers.add("add", {y, x}, {}, name);
}

Architecture build(const Attributes& options) {
    const int64_t depth = options.integer("depth"), width = options.integer("width");
    require(depth >= 10 && (depth - 4) % 6 == 0, "Model wrn: the depth (", depth,
            ") is not 6 n + 4 (10, 16, 22, 28, 34, 40, ...).");
    Architecture network = begin_network("wrn", options);
    LayerBuilder layers(network, options);
    Value x = layers.convolution(network.image, "conv1", {.channels = 16});
    for (int64_t stage = 0; stage < 3; ++stage)
        for (int64_t i = 0; i < (depth - 4) / 6; ++i)
            x = block(layers, network.graph, x, text("block", stage + 1, ".", i),
                      (int64_t(16) << stage) * width, stage > 0 && i == 0 ? 2 : 1, options.real("dropout"));
    x = layers.normalisation(x, "bn1", "relu");
    x = layers.global_average_pool(x);
    network.logits = layers.linear(x, "fc", options.integer("classes"),
                                   1 / std::sqrt(3.0 * double(network.graph.shape(x).back())));
    return network;
}

} // namespace

ArchitectureBuilder define_architecture_wrn() {
    std::vector<AttributeSpec> options = classifier_options(32, 10);
    options.push_back(normaliser_option());
    options.push_back(integer_attribute("depth", 16, 10, 1000, "Convolutions and the classifier: 6 n + 4."));
    options.push_back(
        integer_attribute("width", 4, 1, 100, "How many times as wide as ResNet the stages are."));
    options.push_back(real_attribute("dropout", 0, 0, 0.99, "Dropout between the convolutions of a block."));
    return {.name = "wrn",
            .summary = "Wide ResNet for 32 x 32 images, WRN-16-4 unless told otherwise (arXiv 1605.07146).",
            .options = std::move(options),
            .build = build};
}
