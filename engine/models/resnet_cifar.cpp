// Residual networks for 32 x 32 images (He et al., arXiv 1512.03385, section 4.2): three stages of 16, 32 and 64 channels,
// shortcuts without parameters (option A: every second pixel, missing channels zero) or, where shapes differ, projected by a
// 1 x 1 convolution and normalised (option B). Names are those of the widely used
// PyTorch reimplementation by Y. Idelbayev, whose weights load unchanged.
#include "models/layers.h"

using namespace lemnos;

namespace {

constexpr int64_t stage_channels[] = {16, 32, 64};

// Every second row and column; as many zero channels before as behind.
Value shortcut(LayerBuilder& layers, const Graph& graph, Value x, const std::string& name, int64_t channels, int64_t stride) {
    const int64_t missing = channels - graph.shape(x).back();
    if (stride == 1 && missing == 0) return x;
    const std::vector<int64_t> one{1, 1}, steps{stride, stride};
    x = layers.add("max_pool", {x}, {{"kernel", one}, {"stride", steps}}, name + ".shortcut");
    return layers.add("pad", {x}, {{"before", std::vector<int64_t>{0, 0, 0, missing / 2}},
                                   {"after", std::vector<int64_t>{0, 0, 0, missing - missing / 2}}},
                      name + ".shortcut");
}

Value projection(LayerBuilder& layers, Value x, const std::string& name, int64_t channels, int64_t stride) {
    if (stride == 1 && layers.channels(x) == channels) return x;
    return layers.unit(x, name + ".downsample.0", name + ".downsample.1", {.channels = channels, .kernel = 1, .stride = stride}, "none");
}

Value block(LayerBuilder& layers, const Graph& graph, Value x, const std::string& name, int64_t channels, int64_t stride, bool projects) {
    Value y = layers.convolution(x, name + ".conv1", {.channels = channels, .kernel = 3, .stride = stride});
    y = layers.normalisation(y, name + ".bn1", "relu");
    y = layers.convolution(y, name + ".conv2", {.channels = channels, .kernel = 3});
    y = layers.normalisation(y, name + ".bn2", "none");
    x = projects ? projection(layers, x, name, channels, stride) : shortcut(layers, graph, x, name, channels, stride);
    y = layers.add("add", {y, x}, {}, name);
    return layers.add("relu", {y}, {}, name);
}

Architecture build(const char* name, int64_t blocks, const Attributes& options) {
    Architecture network = begin_network(name, options);
    LayerBuilder layers(network, options);
    Value x = layers.convolution(network.image, "conv1", {.channels = stage_channels[0], .kernel = 3});
    x = layers.normalisation(x, "bn1", "relu");
    for (int64_t stage = 0; stage < 3; ++stage)
        for (int64_t i = 0; i < blocks; ++i)
            x = block(layers, network.graph, x, text("layer", stage + 1, ".", i), stage_channels[stage], stage > 0 && i == 0 ? 2 : 1,
                      options.choice("shortcut") == "projection");
    x = layers.add("global_average_pool", {x}, {}, "pool");
    network.logits = layers.linear(x, "linear", options.integer("classes"), 0.1);
    return network;
}

std::vector<AttributeSpec> options() {
    std::vector<AttributeSpec> specs = classifier_options(32, 10);
    specs.push_back(choice_attribute("shortcut", "padding", {"padding", "projection"},
                                     "Where shapes differ. padding: option A, without parameters; projection: option B."));
    specs.push_back(normaliser_option());
    return specs;
}

} // namespace

ArchitectureBuilder define_architecture_resnet20_cifar() {
    return {.name = "resnet20_cifar",
            .summary = "ResNet-20 for 32 x 32 images (arXiv 1512.03385).",
            .options = options(),
            .build = [](const Attributes& options) { return build("resnet20_cifar", 3, options); }};
}

ArchitectureBuilder define_architecture_resnet56_cifar() {
    return {.name = "resnet56_cifar",
            .summary = "ResNet-56 for 32 x 32 images (arXiv 1512.03385).",
            .options = options(),
            .build = [](const Attributes& options) { return build("resnet56_cifar", 9, options); }};
}
