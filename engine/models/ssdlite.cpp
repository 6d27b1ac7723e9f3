// SSDLite on MobileNets (Sandler et al., arXiv 1801.04381, section 6.2): SSD whose prediction layers are separable
// convolutions, as in the released configuration of TensorFlow's object detection API. The backbone's names are those of the
// network that classifies, so that its weights are a beginning.
#include "models/detection.h"
#include "models/mobilenet.h"

#include <algorithm>

using namespace lemnos;

namespace {

constexpr int64_t extra_depths[] = {512, 256, 256, 128};
constexpr double first_deviation = 0.03; // of the released configuration, in the heads

class SsdLite {
  public:
    SsdLite(Architecture& network, LayerBuilder& layers, const Attributes& options)
        : network_(network), layers_(layers), prediction_(options.choice("prediction")), width_(options.real("width")),
          padding_(options.choice("padding") == "same" ? Padding::same : Padding::symmetric), outputs_(options.integer("classes") + 1), scores_(score_kind(options)) {}

    void build(const MobileNetFeatures& features) {
        std::vector<Value> maps{features.stride16, features.last};
        for (int64_t depth : extra_depths) maps.push_back(extra(maps.back(), depth, int(maps.size()) - 2));
        std::vector<std::array<int64_t, 2>> sizes;
        for (Value map : maps) sizes.push_back({layers_.shape(map)[1], layers_.shape(map)[2]});
        Detection detection{.grids = linear_anchor_grids(sizes, 0.2, 0.95), .scores = scores_, .suppression = 0.6};
        std::vector<Value> boxes, logits;
        for (size_t i = 0; i < maps.size(); ++i) {
            const auto anchors = int64_t(detection.grids[i].sizes.size());
            boxes.push_back(head(maps[i], text("head.boxes.", i), 4 * anchors));
            logits.push_back(head(maps[i], text("head.classes.", i), outputs_ * anchors));
        }
        detection.boxes = join_maps(network_.graph, boxes, 4, "head.boxes");
        network_.logits = join_maps(network_.graph, logits, outputs_, "head.classes");
        network_.detection = std::move(detection);
    }

  private:
    bool separable() const { return prediction_ == "separable"; }

    Value depthwise(Value x, const std::string& name, int64_t stride) {
        const int64_t channels = layers_.channels(x);
        return layers_.unit(x, name + ".0", name + ".1",
                            {.channels = channels, .stride = stride, .groups = channels, .padding = padding_}, "relu6");
    }

    // A map of half the size.
    Value extra(Value x, int64_t wanted, int number) {
        const int64_t depth = std::max<int64_t>(16, int64_t(double(wanted) * width_));
        const auto name = [&](int part) { return text("extra.", number, ".", part); };
        const auto unit = [&](Value v, int part, const ConvolutionLayer& layer) {
            return layers_.unit(v, name(part) + ".0", name(part) + ".1", layer, "relu6");
        };
        x = unit(x, 0, {.channels = depth / 2, .kernel = 1});
        if (!separable()) return unit(x, 1, {.channels = depth, .stride = 2, .padding = padding_});
        return unit(depthwise(x, name(1), 2), 2, {.channels = depth, .kernel = 1});
    }

    Value head(Value x, const std::string& name, int64_t channels) {
        if (separable()) x = depthwise(x, name + ".0", 1);
        return layers_.convolution(x, name + ".1",
                                   {.channels = channels, .kernel = prediction_ == "full" ? 3 : 1, .bias = true, .deviation = first_deviation});
    }

    Architecture& network_;
    LayerBuilder& layers_;
    std::string prediction_;
    double width_;
    Padding padding_;
    int64_t outputs_;
    ScoreKind scores_;
};

using Features = MobileNetFeatures (*)(LayerBuilder&, Value, const MobileNetOptions&);

Architecture build(const char* name, Features features, const Attributes& options) {
    const double width = options.real("width");
    require(width > 0, "Model ", name, ": the width (", width, ") must be above 0.");
    Architecture network = begin_network(name, options);
    network.pixels = {std::vector<double>(size_t(network.channels()), 0.5), std::vector<double>(size_t(network.channels()), 0.5)};
    LayerBuilder layers(network, options);
    const Padding padding = options.choice("padding") == "same" ? Padding::same : Padding::symmetric;
    SsdLite(network, layers, options).build(features(layers, network.image, {.width = width, .padding = padding}));
    return network;
}

std::vector<AttributeSpec> ssdlite_options() {
    std::vector<AttributeSpec> options = detector_options(320, 80);
    options.push_back(real_attribute("width", 1.0, 0, 16, "The width multiplier of the backbone's and the extra maps' channels."));
    options.push_back(choice_attribute("padding", "same", {"symmetric", "same"},
                                       "symmetric: one pixel on each side; same: TensorFlow's SAME."));
    options.push_back(choice_attribute("prediction", "separable", {"separable", "full", "pointwise"},
                                       "Convolutions of extra maps and heads. separable: SSDLite; full: 3 x 3, as in SSD; pointwise: "
                                       "1 x 1 in the heads and 3 x 3 in the extra maps, as in the released ssd_mobilenet_v2."));
    options.push_back(scores_option(ScoreKind::sigmoid));
    options.push_back(normaliser_option());
    return options;
}

} // namespace

ArchitectureBuilder define_architecture_ssdlite_mobilenet_v1() {
    return {.name = "ssdlite_mobilenet_v1",
            .summary = "Detection: SSDLite on MobileNetV1 (arXiv 1801.04381).",
            .options = ssdlite_options(),
            .build = [](const Attributes& options) { return build("ssdlite_mobilenet_v1", mobilenet_v1_features, options); }};
}

ArchitectureBuilder define_architecture_ssdlite_mobilenet_v2() {
    return {.name = "ssdlite_mobilenet_v2",
            .summary = "Detection: SSDLite on MobileNetV2 (arXiv 1801.04381).",
            .options = ssdlite_options(),
            .build = [](const Attributes& options) { return build("ssdlite_mobilenet_v2", mobilenet_v2_features, options); }};
}
