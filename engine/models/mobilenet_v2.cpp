// MobileNetV2: inverted residuals with linear bottlenecks (Sandler et al., arXiv 1801.04381, table 2), with torchvision's
// names. The paper's network has the defaults; stem stride, stage strides and head width are options, and presets of
// them suit images of 28 to 64 pixels.
#include "models/mobilenet.h"

#include <algorithm>

using namespace lemnos;

namespace {

struct Stage {
    int64_t expansion, channels, repeats, stride;
};
constexpr Stage stages[] = {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2},
                            {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
constexpr size_t stage_count = std::size(stages);

struct Preset {
    const char* name;
    int64_t resolution, stem_stride;
    std::vector<int64_t> strides;
    int64_t head;
};
const Preset presets[] = {
    {"imagenet", 224, 2, {1, 2, 2, 2, 1, 2, 1}, 0},
    {"small28", 28, 2, {1, 1, 2, 2, 1, 2, 1}, 256},  // 28 -> 14 -> 7 -> 4 -> 2
    {"small32", 32, 1, {1, 1, 2, 2, 1, 2, 1}, 1280}, // 32 -> 16 -> 8 -> 4, as is customary for CIFAR
    {"small64", 64, 2, {1, 1, 2, 2, 1, 2, 1}, 1280}, // 64 -> 32 -> 16 -> 8 -> 4
};

struct InvertedResidual {
    Value expanded, result; // inside (the block's input where there is no expansion), and the block's
};

// Expansion 1x1, depthwise 3x3, linear projection 1x1; the shortcut joins thin ends where shapes agree.
InvertedResidual inverted_residual(LayerBuilder& layers, Value x, const std::string& name, int64_t expansion,
                                   int64_t channels, int64_t stride, Padding padding) {
    const int64_t inputs = layers.channels(x), hidden = inputs * expansion;
    int part = 0;
    const auto unit = [&](Value v, const ConvolutionLayer& layer) {
        const std::string module = text(name, ".conv.", part++);
        return layers.unit(v, module + ".0", module + ".1", layer, "relu6");
    };
    const Value expanded = expansion == 1 ? x : unit(x, {.channels = hidden, .kernel = 1});
    Value y = unit(expanded, {.channels = hidden, .stride = stride, .groups = hidden, .padding = padding});
    y = layers.unit(y, text(name, ".conv.", part), text(name, ".conv.", part + 1),
                    {.channels = channels, .kernel = 1}, "none");
    return {expanded, stride == 1 && inputs == channels ? layers.add("add", {x, y}, {}, name) : y};
}

Architecture build(const Attributes& options) {
    const Preset* preset = &presets[0];
    for (const Preset& each : presets)
        if (options.choice("preset") == each.name) preset = &each;
    const auto chosen = [&](const char* name, int64_t otherwise) {
        return options.integer(name) ? options.integer(name) : otherwise;
    };
    const double width = options.real("width");
    require(width > 0, "Model mobilenet_v2: the width (", width, ") must be above 0.");
    const std::vector<int64_t>& strides =
        options.integers("strides").empty() ? preset->strides : options.integers("strides");
    require(strides.size() == stage_count, "Model mobilenet_v2: ", strides.size(), " stage strides were given (",
            stage_count, " are needed).");
    const Padding padding = options.choice("padding") == "same" ? Padding::same : Padding::symmetric;
    const int64_t resolution = chosen("resolution", preset->resolution);

    Architecture network;
    network.name = "mobilenet_v2";
    network.image = network.graph.input("image", {DataType::f32, {1, resolution, resolution, options.integer("channels")}});
    LayerBuilder layers(network, options);
    Value x = mobilenet_v2_features(layers, network.image,
                                    {.width = width,
                                     .padding = padding,
                                     .stem_stride = chosen("stem_stride", preset->stem_stride),
                                     .strides = strides,
                                     .head = chosen("head", preset->head)})
                  .last;
    x = layers.add("global_average_pool", {x}, {}, "pool");
    x = layers.dropout(x, "classifier.0", options.real("dropout"));
    network.logits = layers.linear(x, "classifier.1", options.integer("classes"), 0.01);
    network.pixels = {std::vector<double>(size_t(options.integer("channels")), 0.5),
                      std::vector<double>(size_t(options.integer("channels")), 0.5)};
    return network;
}

} // namespace

namespace lemnos {

MobileNetFeatures mobilenet_v2_features(LayerBuilder& layers, Value image, const MobileNetOptions& options) {
    const auto thinned = [&](int64_t channels) { return make_divisible(double(channels) * options.width); };
    const std::vector<int64_t>& strides = options.strides.empty() ? presets[0].strides : options.strides;
    Value x = layers.unit(image, "features.0.0", "features.0.1",
                          {.channels = thinned(32), .stride = options.stem_stride, .padding = options.padding}, "relu6");
    MobileNetFeatures features;
    int module = 1;
    for (size_t i = 0; i < stage_count; ++i)
        for (int64_t repeat = 0; repeat < stages[i].repeats; ++repeat, ++module) {
            const InvertedResidual block =
                inverted_residual(layers, x, text("features.", module), stages[i].expansion,
                                  thinned(stages[i].channels), repeat == 0 ? strides[i] : 1, options.padding);
            if (stages[i].channels == 160 && repeat == 0) features.stride16 = block.expanded;
            x = block.result;
        }
    // The last convolution is not thinned for widths below 1.
    const int64_t head = options.head ? options.head : make_divisible(1280 * std::max(1.0, options.width));
    features.last = layers.unit(x, text("features.", module, ".0"), text("features.", module, ".1"),
                                {.channels = head, .kernel = 1}, "relu6");
    return features;
}

} // namespace lemnos

ArchitectureBuilder define_architecture_mobilenet_v2() {
    return {
        .name = "mobilenet_v2",
        .summary = "MobileNetV2: inverted residuals with linear bottlenecks (arXiv 1801.04381).",
        .options = {choice_attribute("preset", "imagenet", {"imagenet", "small28", "small32", "small64"},
                                     "Resolution, strides and head for a size of images; options below override it."),
                    real_attribute("width", 1.0, 0, 16, "The width multiplier of every layer's channels."),
                    integer_attribute("resolution", 0, 0, 4096, "Height and width of the input; 0: the preset's."),
                    integer_attribute("channels", 3, 1, 64, "Channels of the input."),
                    integer_attribute("classes", 1000, 1, 1000000, "Classes."),
                    integer_attribute("stem_stride", 0, 0, 8, "Stride of the first convolution; 0: the preset's."),
                    integers_attribute("strides", {}, -1, 1, 8, "Strides of the seven stages; empty: the preset's."),
                    integer_attribute("head", 0, 0, 65536, "Channels of the last convolution; 0: the preset's."),
                    real_attribute("dropout", 0.2, 0, 0.99, "Dropout before the classifier."),
                    choice_attribute("padding", "symmetric", {"symmetric", "same"},
                                     "symmetric: one pixel on each side; same: TensorFlow's SAME."),
                    normaliser_option()},
        .build = build,
    };
}
