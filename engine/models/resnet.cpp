// Residual networks for ImageNet (He et al., arXiv 1512.03385, table 1) with torchvision's names. The bottleneck's stride is
// that of its 3 x 3 convolution ("v1.5", as torchvision has it) or of its first one (as in the paper).
#include "models/layers.h"

#include <array>
#include <cmath>

using namespace lemnos;

namespace {

// x + f(x), where f has one more pair of convolution and normalisation for a shortcut that must change its shape.
Value residual_block(LayerBuilder& layers, const Graph& graph, Value x, const std::string& name,
                     bool bottleneck, int64_t width, int64_t stride, bool stride_first) {
    const int64_t channels = bottleneck ? 4 * width : width;
    int part = 0;
    const auto unit = [&](Value v, const ConvolutionLayer& layer, const char* activation) {
        ++part;
        return layers.unit(v, text(name, ".conv", part), text(name, ".bn", part), layer, activation);
    };
    Value y = x;
    if (bottleneck) y = unit(y, {.channels = width, .kernel = 1, .stride = stride_first ? stride : 1}, "relu");
    y = unit(y, {.channels = width, .stride = bottleneck && stride_first ? 1 : stride}, "relu");
    y = unit(y,
             bottleneck ? ConvolutionLayer{.channels = channels, .kernel = 1}
                        : ConvolutionLayer{.channels = channels},
             "none");
    if (stride != 1 || graph.shape(x).back() != channels)
        x = layers.unit(x, name + ".downsample.0", name + ".downsample.1",
                        {.channels = channels, .kernel = 1, .stride = stride}, "none");
    return layers.add("relu", {layers.add("add", {y, x}, {}, name)}, {}, name);
}

Architecture build(const char* name, bool bottleneck, const std::array<int, 4>& repeats,
                   const Attributes& options) {
    Architecture network = begin_network(name, options);
    LayerBuilder layers(network, options);
    Value x = layers.unit(network.image, "conv1", "bn1", {.channels = 64, .kernel = 7, .stride = 2}, "relu");
    x = layers.pool("max_pool", x, "maxpool", {.kernel = 3, .stride = 2, .padding = 1});
    for (int stage = 0; stage < 4; ++stage)
        for (int i = 0; i < repeats[size_t(stage)]; ++i)
            x = residual_block(layers, network.graph, x, text("layer", stage + 1, ".", i), bottleneck,
                               int64_t(64) << stage, stage > 0 && i == 0 ? 2 : 1,
                               bottleneck && options.choice("stride_in") == "1x1");
    x = layers.global_average_pool(x);
    network.logits = layers.linear(x, "fc", options.integer("classes"),
                                   1 / std::sqrt(3.0 * double(network.graph.shape(x).back())));
    return network;
}

std::vector<AttributeSpec> options(bool bottleneck) {
    std::vector<AttributeSpec> specs = classifier_options(224, 1000);
    specs.push_back(normaliser_option());
    if (bottleneck)
        specs.push_back(choice_attribute("stride_in", "3x3", {"3x3", "1x1"},
                                         "The convolution of a bottleneck that halves the map. 3x3: torchvision's; 1x1: the paper's."));
    return specs;
}

} // namespace

ArchitectureBuilder define_architecture_resnet18() {
    return {.name = "resnet18",
            .summary = "ResNet-18 (arXiv 1512.03385).",
            .options = options(false),
            .build = [](const Attributes& options) {
                return build("resnet18", false, {2, 2, 2, 2}, options);
            }};
}

ArchitectureBuilder define_architecture_resnet50() {
    return {.name = "resnet50",
            .summary = "ResNet-50 (arXiv 1512.03385).",
            .options = options(true),
            .build = [](const Attributes& options) {
                return build("resnet50", true, {3, 4, 6, 3}, options);
            }};
}

ArchitectureBuilder define_architecture_resnet152() {
    return {.name = "resnet152",
            .summary = "ResNet-152 (arXiv 1512.03385).",
            .options = options(true),
            .build = [](const Attributes& options) {
                return build("resnet152", true, {3, 8, 36, 3}, options);
            }};
}
