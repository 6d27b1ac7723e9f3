// YOLOv2 on Darknet-19 (Redmon and Farhadi, arXiv 1612.08242). Two configurations were published: that of November 2016 joins
// the finer map as it is (passthrough 0), the later one after a 1 x 1 convolution to 64 channels.
#include "models/layers.h"

using namespace lemnos;

namespace {

struct Unit {
    int64_t channels, kernel; // channels 0: a pool that halves the map
};
constexpr Unit darknet[] = {{32, 3},  {0, 0},   {64, 3},  {0, 0},    {128, 3}, {64, 1},   {128, 3}, {0, 0},
                            {256, 3}, {128, 1}, {256, 3}, {0, 0},    {512, 3}, {256, 1},  {512, 3}, {256, 1},
                            {512, 3}, {0, 0},   {1024, 3}, {512, 1}, {1024, 3}, {512, 1}, {1024, 3}};
constexpr size_t fine = 16; // whose result has twice the resolution of the last

class YoloV2 {
  public:
    YoloV2(Architecture& network, LayerBuilder& layers) : network_(network), layers_(layers) {}

    void build(const Attributes& options) {
        Value x = network_.image, finer;
        for (size_t i = 0; i < std::size(darknet); ++i) {
            const std::string name = text("features.", i);
            x = darknet[i].channels ? unit(x, name, darknet[i]) : layers_.pool("max_pool", x, name, {});
            if (i == fine) finer = x;
        }
        for (int i : {0, 1}) x = unit(x, text("head.", i), {1024, 3});
        if (const int64_t channels = options.integer("passthrough")) finer = unit(finer, "passthrough", {channels, 1});
        x = layers_.add("concat", {space_to_depth(finer), x}, {{"axis", int64_t(-1)}}, "join");
        x = unit(x, "head.2", {1024, 3});
        add_output(x, options.reals("anchors"), options.integer("classes"));
    }

  private:
    Value unit(Value x, const std::string& name, const Unit& unit) {
        x = layers_.unit(x, name + ".0", name + ".1", {.channels = unit.channels, .kernel = unit.kernel}, "none");
        return layers_.add("leaky_relu", {x}, {{"slope", 0.1}}, name + ".2");
    }

    // Blocks of 2 x 2 cells become one cell of four times the channels.
    Value space_to_depth(Value x) {
        const Shape shape = layers_.shape(x);
        const auto reshape = [&](Value v, Shape to) { return layers_.add("reshape", {v}, {{"shape", std::move(to)}}, "passthrough"); };
        x = reshape(x, {1, shape[1] / 2, 2, shape[2] / 2, 2, shape[3]});
        x = layers_.add("transpose", {x}, {{"perm", std::vector<int64_t>{0, 1, 3, 2, 4, 5}}}, "passthrough");
        return reshape(x, {1, shape[1] / 2, shape[2] / 2, 4 * shape[3]});
    }

    // Offsets, objectness and classes of every prior in every cell.
    void add_output(Value x, const std::vector<double>& priors, int64_t classes) {
        const int64_t rows = layers_.shape(x)[1], columns = layers_.shape(x)[2];
        Detection detection{.coder = BoxCoder::yolo, .scores = ScoreKind::yolo, .x_first = true, .scales = {1, 1, 1, 1}};
        AnchorGrid grid{rows, columns, 1.0 / double(rows), 1.0 / double(columns), {}};
        for (size_t i = 0; i < priors.size(); i += 2) // width and height, in cells
            grid.sizes.push_back({priors[i + 1] / double(rows), priors[i] / double(columns)});
        x = layers_.convolution(x, "head.3", {.channels = int64_t(grid.sizes.size()) * (5 + classes), .kernel = 1, .bias = true, .deviation = 0.01});
        detection.grids = {std::move(grid)};
        x = join_maps(network_.graph, {x}, 5 + classes, "head.3");
        const auto columns_of = [&](int64_t begin, int64_t end) {
            return layers_.add("slice", {x}, {{"axis", int64_t(2)}, {"begin", begin}, {"end", end}}, "head.3");
        };
        detection.boxes = columns_of(0, 4);
        network_.logits = columns_of(4, 5 + classes);
        network_.detection = std::move(detection);
    }

    Architecture& network_;
    LayerBuilder& layers_;
};

Architecture build(const Attributes& options) {
    const int64_t resolution = options.integer("resolution");
    require(resolution % 32 == 0, "Model yolov2: the resolution (", resolution, ") must be a multiple of 32.");
    const std::vector<double>& anchors = options.reals("anchors");
    require(!anchors.empty() && anchors.size() % 2 == 0, "Model yolov2: the anchors (", anchors.size(),
            " numbers) must be pairs of width and height.");
    for (double size : anchors) require(size > 0, "Model yolov2: an anchor's size (", size, ") must be above 0.");
    Architecture network = begin_network("yolov2", options);
    network.pixels = {std::vector<double>(size_t(network.channels()), 0), std::vector<double>(size_t(network.channels()), 1)};
    LayerBuilder layers(network, options);
    YoloV2(network, layers).build(options);
    return network;
}

} // namespace

ArchitectureBuilder define_architecture_yolov2() {
    std::vector<AttributeSpec> options = detector_options(416, 80);
    options.push_back(integer_attribute("passthrough", 64, 0, 4096,
                                        "Channels of the convolution before the finer map is joined; 0: none, as in the "
                                        "configuration of November 2016."));
    options.push_back(reals_attribute("anchors", {0.57273, 0.677385, 1.87446, 2.06253, 3.33843, 5.47434, 7.88282, 3.52778, 9.77052, 9.16828},
                                      -1, "Widths and heights of the priors in cells; default: COCO's."));
    options.push_back(normaliser_option());
    return {.name = "yolov2", .summary = "Detection: YOLOv2 on Darknet-19 (arXiv 1612.08242).", .options = std::move(options), .build = build};
}
