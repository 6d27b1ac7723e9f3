// SqueezeNet 1.1 (Iandola et al., arXiv 1602.07360) with torchvision's names: no normalisation, biases instead.
#include "models/layers.h"

using namespace lemnos;

namespace {

// 1 x 1 convolutions that make few channels, then 1 x 1 and 3 x 3 ones side by side.
Value fire(LayerBuilder& layers, Value x, const std::string& name, int64_t squeezed, int64_t expanded) {
    const auto convolution = [&](Value v, const char* part, int64_t channels, int64_t kernel) {
        return layers.convolution(
            v, name + part, {.channels = channels, .kernel = kernel, .bias = true, .activation = "relu"});
    };
    x = convolution(x, ".squeeze", squeezed, 1);
    return layers.add("concat",
                      {convolution(x, ".expand1x1", expanded, 1), convolution(x, ".expand3x3", expanded, 3)},
                      {{"axis", int64_t(-1)}}, name);
}

Architecture build(const Attributes& options) {
    Architecture network = begin_network("squeezenet1_1", options);
    LayerBuilder layers(network, options);
    Value x = layers.convolution(
        network.image, "features.0",
        {.channels = 64, .stride = 2, .bias = true, .padding = Padding::valid, .activation = "relu"});
    const struct {
        int64_t squeezed, expanded;
    } fires[] = {{16, 64}, {16, 64}, {32, 128}, {32, 128}, {48, 192}, {48, 192}, {64, 256}, {64, 256}};
    int module = 2;
    for (size_t i = 0; i < std::size(fires); ++i) {
        if (i == 0 || i == 2 || i == 4)
            x = layers.pool("max_pool", x, text("features.", module++),
                            {.kernel = 3, .stride = 2, .ceil_mode = true});
        x = fire(layers, x, text("features.", module++), fires[i].squeezed, fires[i].expanded);
    }
    x = layers.dropout(x, "classifier.0", options.real("dropout"));
    x = layers.convolution(
        x, "classifier.1",
        {.channels = options.integer("classes"), .kernel = 1, .bias = true, .activation = "relu"});
    network.logits = layers.global_average_pool(x);
    return network;
}

} // namespace

ArchitectureBuilder define_architecture_squeezenet1_1() {
    std::vector<AttributeSpec> options = classifier_options(224, 1000);
    options.push_back(real_attribute("dropout", 0.5, 0, 0.99, "Dropout before the classifier."));
    return {.name = "squeezenet1_1",
            .summary = "SqueezeNet 1.1 (arXiv 1602.07360).",
            .options = std::move(options),
            .build = build};
}
