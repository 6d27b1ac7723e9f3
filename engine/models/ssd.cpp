// SSD300 and SSD512 on VGG16 (Liu et al., arXiv 1512.02325; the authors' Caffe configuration for COCO): no normalisation but
// that of conv4_3's length. Names are torchvision's, whose ssd300_vgg16 has these layers.
#include "models/detection.h"
#include "models/layers.h"

#include <cmath>

using namespace lemnos;

namespace {

struct Extra {
    int64_t squeezed, channels, kernel, stride;
    Padding padding;
};
struct Map {
    int64_t step;       // pixels between anchors' centres
    double least, next; // their sizes, pixels
    int aspect_ratios;  // 1: 2 and 1/2; 2: 3 and 1/3, too
};
struct Configuration {
    const char* name;
    const char* summary;
    int64_t resolution;
    std::vector<Extra> extras;
    std::vector<Map> maps;
};
const Configuration configurations[] = {
    {"ssd300", "Detection: SSD300 on VGG16 (arXiv 1512.02325).", 300,
     {{256, 512, 3, 2, Padding::symmetric}, {128, 256, 3, 2, Padding::symmetric}, {128, 256, 3, 1, Padding::valid}, {128, 256, 3, 1, Padding::valid}},
     {{8, 21, 45, 1}, {16, 45, 99, 2}, {32, 99, 153, 2}, {64, 153, 207, 2}, {100, 207, 261, 1}, {300, 261, 315, 1}}},
    {"ssd512", "Detection: SSD512 on VGG16 (arXiv 1512.02325).", 512,
     {{256, 512, 3, 2, Padding::symmetric}, {128, 256, 3, 2, Padding::symmetric}, {128, 256, 3, 2, Padding::symmetric},
      {128, 256, 3, 2, Padding::symmetric}, {128, 256, 4, 1, Padding::symmetric}},
     {{8, 20.48, 51.2, 1}, {16, 51.2, 133.12, 2}, {32, 133.12, 215.04, 2}, {64, 215.04, 296.96, 2}, {128, 296.96, 378.88, 2},
      {256, 378.88, 460.8, 1}, {512, 460.8, 542.72, 1}}},
};

AnchorGrid grid_of(const Map& map, int64_t side, double image) {
    AnchorGrid grid{side, side, double(map.step) / image, double(map.step) / image, {}};
    const auto add = [&](double size, double ratio) {
        grid.sizes.push_back({size / image / std::sqrt(ratio), size / image * std::sqrt(ratio)});
    };
    add(map.least, 1);
    add(std::sqrt(map.least * map.next), 1);
    for (int i = 0; i < map.aspect_ratios; ++i)
        for (double ratio : {2.0 + i, 1 / (2.0 + i)}) add(map.least, ratio);
    return grid;
}

Architecture build(const Configuration& configuration, const Attributes& options) {
    const int64_t outputs = options.integer("classes") + 1;
    Architecture network;
    network.name = configuration.name;
    network.image = network.graph.input("image", {DataType::f32, {1, configuration.resolution, configuration.resolution, 3}});
    network.pixels = {{0.48235, 0.45882, 0.40784}, std::vector<double>(3, 1.0 / 255)}; // VGG's: 0 to 255 without the mean
    LayerBuilder layers(network, options);
    const auto convolution = [&](Value x, const std::string& name, ConvolutionLayer layer) {
        layer.bias = true;
        layer.activation = "relu";
        return layers.convolution(x, name, layer);
    };

    Value x = network.image;
    int module = 0; // of backbone.features
    const auto stage = [&](int64_t channels, int convolutions) {
        for (int i = 0; i < convolutions; ++i, module += 2) x = convolution(x, text("backbone.features.", module), {.channels = channels});
    };
    const auto halve = [&](bool ceil_mode) { x = layers.pool("max_pool", x, text("backbone.features.", module++), {.ceil_mode = ceil_mode}); };
    stage(64, 2), halve(false);
    stage(128, 2), halve(false);
    stage(256, 3), halve(true); // 75 -> 38
    stage(512, 3);
    const Value scale = layers.parameter("backbone.scale_weight", {512}, {Initializer::constant, 20});
    std::vector<Value> maps{layers.add("l2_normalisation", {x, scale}, {}, "backbone.scale_weight")};

    x = layers.pool("max_pool", x, "backbone.extra.0.0", {});
    for (int i : {1, 3, 5}) x = convolution(x, text("backbone.extra.0.", i), {.channels = 512});
    x = layers.pool("max_pool", x, "backbone.extra.0.7.0", {.kernel = 3, .stride = 1, .padding = 1});
    x = convolution(x, "backbone.extra.0.7.1", {.channels = 1024, .dilation = 6});
    x = convolution(x, "backbone.extra.0.7.3", {.channels = 1024, .kernel = 1});
    maps.push_back(x);
    for (size_t i = 0; i < configuration.extras.size(); ++i) {
        const Extra& extra = configuration.extras[i];
        const std::string name = text("backbone.extra.", i + 1);
        x = convolution(x, name + ".0", {.channels = extra.squeezed, .kernel = 1});
        x = convolution(x, name + ".2", {.channels = extra.channels, .kernel = extra.kernel, .stride = extra.stride, .padding = extra.padding});
        maps.push_back(x);
    }

    Detection detection{.scores = score_kind(options), .x_first = true};
    std::vector<Value> boxes, logits;
    for (size_t i = 0; i < maps.size(); ++i) {
        detection.grids.push_back(grid_of(configuration.maps[i], layers.shape(maps[i])[1], double(configuration.resolution)));
        const auto anchors = int64_t(detection.grids[i].sizes.size());
        const auto head = [&](const char* kind, int64_t channels) {
            return layers.convolution(maps[i], text("head.", kind, "_head.module_list.", i), {.channels = channels, .bias = true});
        };
        logits.push_back(head("classification", outputs * anchors));
        boxes.push_back(head("regression", 4 * anchors));
    }
    detection.boxes = join_maps(network.graph, boxes, 4, "head.regression_head");
    network.logits = join_maps(network.graph, logits, outputs, "head.classification_head");
    network.detection = std::move(detection);
    return network;
}

template <int index>
ArchitectureBuilder define() {
    return {.name = configurations[index].name,
            .summary = configurations[index].summary,
            .options = {integer_attribute("classes", 80, 1, 100000, "Classes, without the background."), scores_option(ScoreKind::softmax)},
            .build = [](const Attributes& options) { return build(configurations[index], options); }};
}

} // namespace

ArchitectureBuilder define_architecture_ssd300() { return define<0>(); }
ArchitectureBuilder define_architecture_ssd512() { return define<1>(); }
