#include "models/model.h"

#include "graph/json.h"
#include "support/random.h"
#include "support/text.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>
#include <set>

namespace lemnos {

using Json = nlohmann::ordered_json;

// ---- order of elements ----------------------------------------------------------------------------------------------

// Filters are HWIO on the device and OIHW in files, matrices [in][out] and [out][in]; all else is the same.
static Shape file_shape(const Shape& shape) {
    if (shape.size() == 4) return {shape[3], shape[2], shape[0], shape[1]};
    if (shape.size() == 2) return {shape[1], shape[0]};
    return shape;
}

// Calls move(position in the file, position on the device) for every element.
template <typename Move>
static void for_each_position(const Shape& shape, int64_t elements, const Move& move) {
    const int64_t outer = shape.size() == 4 ? shape[0] * shape[1] : 1;
    const int64_t inputs = shape.size() == 4 ? shape[2] : shape.size() == 2 ? shape[0] : elements;
    const int64_t outputs = shape.size() == 4 || shape.size() == 2 ? shape.back() : 1;
    for (int64_t place = 0; place < outer; ++place)
        for (int64_t input = 0; input < inputs; ++input)
            for (int64_t output = 0; output < outputs; ++output)
                move((output * inputs + input) * outer + place, (place * inputs + input) * outputs + output);
}

static void to_file_order(const Segment& segment, const float* device, float* file) {
    for_each_position(segment.shape, segment.elements, [&](int64_t to, int64_t from) { file[to] = device[from]; });
}

static void to_device_order(const Segment& segment, const float* file, float* device) {
    for_each_position(segment.shape, segment.elements, [&](int64_t from, int64_t to) { device[to] = file[from]; });
}

// ---- initial values -------------------------------------------------------------------------------------------------

static uint32_t name_hash(const std::string& name) { // FNV-1a
    uint32_t hash = 2166136261u;
    for (unsigned char c : name) hash = (hash ^ c) * 16777619u;
    return hash;
}

// Two uniform numbers in (0, 1) for each pair of elements.
static std::array<double, 2> uniform_pair(uint64_t seed, uint32_t pair, uint32_t name) {
    const PhiloxCounter bits = random_bits(seed, pair, name, RandomPurpose::initial_weights, 0);
    const auto uniform = [](uint32_t high, uint32_t low) {
        return (double((uint64_t(high) << 21) | (low >> 11)) + 0.5) * 0x1p-53;
    };
    return {uniform(bits[0], bits[1]), uniform(bits[2], bits[3])};
}

static void fill(const Segment& segment, const Initializer& initializer, uint64_t seed, float* values) {
    const uint32_t name = name_hash(segment.name);
    double deviation = initializer.value;
    if (initializer.kind == Initializer::kaiming_normal) {
        // He et al. 2015 with fan-out, as torchvision initialises convolutions.
        const Shape& shape = segment.shape;
        const double fan_out = shape.size() == 4 ? double(shape[0] * shape[1] * shape[3]) : double(shape.back());
        deviation = std::sqrt(2 / fan_out);
    }
    for (int64_t i = 0; i < segment.elements; i += 2) {
        std::array<double, 2> pair{initializer.value, initializer.value};
        if (initializer.kind == Initializer::uniform) {
            pair = uniform_pair(seed, uint32_t(i / 2), name);
            for (double& value : pair) value = (2 * value - 1) * initializer.value;
        } else if (initializer.kind != Initializer::constant) {
            const auto [first, second] = uniform_pair(seed, uint32_t(i / 2), name); // Box and Muller
            const double radius = deviation * std::sqrt(-2 * std::log(first));
            pair = {radius * std::cos(2 * std::numbers::pi * second), radius * std::sin(2 * std::numbers::pi * second)};
        }
        values[i] = float(pair[0]);
        if (i + 1 < segment.elements) values[i + 1] = float(pair[1]);
    }
}

// ---- the model ------------------------------------------------------------------------------------------------------

// What training keeps of each layer of batch normalisation is found by its states and its name, so these are its own.
static void require_own_statistics(const Graph& graph) {
    std::set<Value> statistics;
    std::set<std::string> names;
    for (const Node& node : graph.nodes()) {
        if (!node.op || std::string_view(node.op->name) != "batch_norm") continue;
        require(!node.name.empty() && names.insert(node.name).second, "A layer of batch normalisation ",
                node.name.empty() ? "has no name" : text("has the name of another, ", node.name), ".");
        for (size_t input : {3, 4})
            require(graph.node(node.inputs[input].node).leaf == LeafKind::state && statistics.insert(node.inputs[input]).second,
                    "The statistics of ", node.name, " are not states of its own.");
    }
}

// States in the order: the means of all normalisations, their variances, all others.
static std::vector<Value> ordered_states(const Graph& graph) {
    std::vector<Value> states;
    const auto add = [&](Value state) {
        if (std::find(states.begin(), states.end(), state) == states.end()) states.push_back(state);
    };
    for (int input : {3, 4})
        for (const Node& node : graph.nodes())
            if (node.op && std::string_view(node.op->name) == "batch_norm") add(node.inputs[size_t(input)]);
    for (Value state : graph.leaves(LeafKind::state)) add(state);
    return states;
}

static std::shared_ptr<const ArenaLayout> layout_of(const Graph& graph, const std::vector<Value>& leaves) {
    return std::make_shared<const ArenaLayout>(graph, leaves);
}

static std::shared_ptr<const ArenaLayout> layout_of_alphas(const Graph& graph) {
    require_own_statistics(graph);
    Graph alphas;
    std::vector<Value> leaves;
    for (const Node& node : graph.nodes())
        if (node.op && std::string_view(node.op->name) == "batch_norm") leaves.push_back(alphas.input(node.name, {DataType::f32, {1}}));
    return layout_of(alphas, leaves);
}

Model::Model(std::shared_ptr<Device> device, Architecture architecture)
    : device_(std::move(device)), architecture_(std::move(architecture)), built_pixels_(architecture_.pixels),
      parameters_(device_, layout_of(architecture_.graph, architecture_.graph.leaves(LeafKind::parameter)), "parameters"),
      states_(device_, layout_of(architecture_.graph, ordered_states(architecture_.graph)), "statistics"),
      alphas_(device_, layout_of_alphas(architecture_.graph), "alphas") {
    write_alphas();
    if (!architecture_.detection) return;
    const std::vector<float> anchors = architecture_.detection->anchor_rows();
    const auto bytes = int64_t(anchors.size() * sizeof(float));
    anchors_ = {Buffer::create(device_, BufferKind::device, bytes, "anchors"), 0, bytes};
    device_->write(*anchors_.buffer, 0, anchors.data(), bytes);
}

void Model::initialise(uint64_t seed) {
    for (const Arena* arena : {&parameters_, &states_}) {
        std::vector<float> values(size_t(arena->layout->bytes() / 4), 0.0f);
        for (const Segment& segment : arena->layout->segments()) {
            const Value leaf = architecture_.graph.find_leaf(segment.name);
            fill(segment, architecture_.graph.node(leaf.node).initializer, seed, values.data() + segment.offset / 4);
        }
        arena->write(values);
    }
}

const Segment& Model::segment(const std::string& name, const Arena** arena) const {
    for (const Arena* each : {&parameters_, &states_})
        if (const Segment* found = each->layout->find(name)) {
            *arena = each;
            return *found;
        }
    std::vector<std::string> known;
    for (const Arena* each : {&parameters_, &states_})
        for (const Segment& segment : each->layout->segments()) known.push_back(segment.name);
    fail(ErrorCode::not_found, "The model ", architecture_.name, " has no tensor \"", name, "\".", did_you_mean(name, known));
}

BufferView Model::view(const std::string& name) const {
    const Arena* arena = nullptr;
    const Segment& found = segment(name, &arena);
    return arena->view(found);
}

std::vector<float> Model::read(const std::string& name) const {
    const Arena* arena = nullptr;
    const Segment& found = segment(name, &arena);
    std::vector<float> device(size_t(found.elements)), file(size_t(found.elements));
    arena->view(found).read(device.data());
    to_file_order(found, device.data(), file.data());
    return file;
}

void Model::write(const std::string& name, const std::vector<float>& values) {
    const Arena* arena = nullptr;
    const Segment& found = segment(name, &arena);
    require(int64_t(values.size()) == found.elements, "The tensor ", name, " (", to_string(file_shape(found.shape)), ") has ",
            found.elements, " elements (", values.size(), " were given).");
    std::vector<float> device(values.size());
    to_device_order(found, values.data(), device.data());
    arena->view(found).write(device.data());
}

Architecture Model::snapshot() const {
    const std::lock_guard lock(weighing_mutex_);
    return architecture_;
}

void Model::set_trained_together(int64_t images) {
    const std::lock_guard lock(weighing_mutex_);
    architecture_.trained_together = images;
}

void Model::set_alpha(const std::string& pattern, double alpha) {
    require(alpha >= 0 && alpha <= 1, "The weight alpha of an image's own moments (", alpha, ") is not from 0 to 1.");
    const std::lock_guard lock(weighing_mutex_);
    std::map<std::string, double> changed = architecture_.alpha;
    bool found = false;
    for (const Segment& layer : alphas_.layout->segments()) {
        if (!fits_pattern(pattern, layer.name)) continue;
        found = true;
        changed[layer.name] = alpha;
    }
    if (!found)
        fail(ErrorCode::not_found, "No layer of batch normalisation fits \"", pattern, "\" (",
             alphas_.layout->segments().empty() ? std::string("the model has none")
                                                : text("the first is named \"", alphas_.layout->segments()[0].name, "\""),
             ").");
    architecture_.alpha = std::move(changed);
    write_alphas();
}

void Model::write_alphas() {
    std::vector<float> values(size_t(alphas_.layout->bytes() / 4), 0.0f);
    bool weighs = false;
    for (const auto& [layer, alpha] : architecture_.alpha) {
        const Segment* segment = alphas_.layout->find(layer);
        require(segment, "There is no layer of batch normalisation named \"", layer, "\" to weigh.");
        values[size_t(segment->offset / 4)] = float(alpha);
        weighs |= alpha != 0;
    }
    alphas_.write(values);
    weighs_ = weighs;
}

void Model::bind(const Network& network, Bindings& bindings) const {
    for (const Network::Weight& weight : network.weights) bindings[weight.alpha] = alphas_.view(*alphas_.layout->find(weight.layer));
    for (const auto* leaves : {&network.parameters, &network.states})
        for (Value leaf : *leaves) bindings[leaf] = view(network.graph.node(leaf.node).name);
}

// ---- files ----------------------------------------------------------------------------------------------------------

void ModelWriter::add(const Arena& arena, const std::string& prefix) {
    const std::vector<float> values = arena.read();
    for (const Segment& segment : arena.layout->segments()) {
        std::vector<float> file(size_t(segment.elements));
        to_file_order(segment, values.data() + segment.offset / 4, file.data());
        data_.push_back(std::move(file));
        tensors_.push_back({prefix + segment.name, StoredType::f32, file_shape(segment.shape), data_.back().data()});
    }
}

static Json json_of(Value value) { return {value.node, value.output}; }

static Json json_of(const Detection& detection) {
    Json grids = Json::array();
    for (const AnchorGrid& grid : detection.grids)
        grids.push_back({{"rows", grid.rows},
                         {"columns", grid.columns},
                         {"row_step", grid.row_step},
                         {"column_step", grid.column_step},
                         {"sizes", grid.sizes}});
    return {{"boxes", json_of(detection.boxes)},
            {"coder", name_of(detection.coder)},
            {"scores", name_of(detection.scores)},
            {"x_first", detection.x_first},
            {"scales", detection.scales},
            {"suppression", detection.suppression},
            {"grids", std::move(grids)}};
}

void ModelWriter::add_architecture(const Architecture& architecture) {
    metadata_["format"] = "pt"; // so that other readers know the tensors' order
    metadata_["lemnos.graph"] = graph_to_json(architecture.graph);
    Json json{{"name", architecture.name},
              {"image", json_of(architecture.image)},
              {"logits", json_of(architecture.logits)},
              {"auxiliary", json_of(architecture.auxiliary)},
              {"mean", architecture.pixels.mean},
              {"deviation", architecture.pixels.deviation},
              {"class_names", architecture.class_names},
              {"alpha", architecture.alpha},
              {"trained_together", architecture.trained_together}};
    if (architecture.detection) json["detection"] = json_of(*architecture.detection);
    metadata_["lemnos.model"] = json.dump();
}

void ModelWriter::write(const std::string& path, Seal seal) const { write_safetensors(path, tensors_, metadata_, seal); }

void Model::save(const std::string& path) const {
    ModelWriter writer;
    writer.add(parameters_);
    writer.add(states_);
    writer.add_architecture(snapshot());
    writer.write(path, Seal::none);
}

// How a segment and the file's tensor of its name differ; empty where they fit.
static std::string difference(const SafetensorsFile& file, const std::string& name, const Segment& segment) {
    if (!file.contains(name)) return text(name, " (", to_string(file_shape(segment.shape)), ") is absent");
    const TensorEntry& entry = file.find(name);
    if (entry.shape == file_shape(segment.shape)) return "";
    return text(name, " is ", to_string(entry.shape), " (", to_string(file_shape(segment.shape)), " is needed)");
}

static void read_segment(const SafetensorsFile& file, const std::string& name, const Segment& segment, std::vector<float>& values) {
    const std::vector<float> stored = file.read_f32(name);
    to_device_order(segment, stored.data(), values.data() + segment.offset / 4);
}

std::vector<float> read_arena(const SafetensorsFile& file, const ArenaLayout& layout, const std::string& prefix) {
    std::vector<float> values(size_t(layout.bytes() / 4), 0.0f);
    std::string listed;
    int64_t differences = 0;
    for (const Segment& segment : layout.segments()) {
        const std::string found = difference(file, prefix + segment.name, segment);
        if (found.empty()) read_segment(file, prefix + segment.name, segment, values);
        else if (++differences <= 5) listed += (listed.empty() ? "" : ", ") + found;
    }
    if (differences > 0)
        fail(ErrorCode::file_malformed, "The file \"", file.path(), "\" does not fit the model: ", listed,
             differences > 5 ? text(", and ", differences - 5, " more differ") : std::string(), ".");
    return values;
}

static Value value_from(const Json& json) { return {json.at(0).get<int32_t>(), json.at(1).get<int32_t>()}; }

static Detection detection_from(const Json& json, const Graph& graph, Value logits) {
    static constexpr int64_t most_anchors = 1 << 24;
    Detection detection;
    detection.boxes = value_from(json.at("boxes"));
    const auto choose = [&](const char* key, auto first, auto last) {
        const auto wanted = json.at(key).get<std::string>();
        for (int i = int(first); i <= int(last); ++i)
            if (wanted == name_of(decltype(first)(i))) return decltype(first)(i);
        fail(ErrorCode::file_malformed, "The detector's ", key, " \"", wanted, "\" is not known.");
    };
    detection.coder = choose("coder", BoxCoder::ssd, BoxCoder::yolo);
    detection.scores = choose("scores", ScoreKind::sigmoid, ScoreKind::yolo);
    detection.x_first = json.at("x_first").get<bool>();
    detection.scales = json.at("scales").get<std::array<double, 4>>();
    detection.suppression = json.at("suppression").get<double>();
    const auto positive = [](double number) { return number > 0 && std::isfinite(number); };
    for (double scale : detection.scales) require(positive(scale), "A scale of the boxes (", scale, ") is not above 0.");
    require(detection.suppression >= 0 && detection.suppression <= 1, "The overlap for suppression (", detection.suppression,
            ") is not from 0 to 1.");
    int64_t anchors = 0;
    for (const Json& each : json.at("grids")) {
        AnchorGrid grid{each.at("rows").get<int64_t>(), each.at("columns").get<int64_t>(), each.at("row_step").get<double>(),
                        each.at("column_step").get<double>(), each.at("sizes").get<std::vector<std::array<double, 2>>>()};
        require(grid.rows > 0 && grid.columns > 0 && grid.rows < most_anchors && grid.columns < most_anchors && positive(grid.row_step) &&
                    positive(grid.column_step),
                "A grid of anchors (", grid.rows, " x ", grid.columns, ") is empty.");
        for (const auto& [height, width] : grid.sizes)
            require(positive(height) && positive(width), "An anchor (", height, " x ", width, ") is empty.");
        anchors = checked_add(anchors, checked_multiply(checked_multiply(grid.rows, grid.columns), int64_t(grid.sizes.size())));
        detection.grids.push_back(std::move(grid));
    }
    const Shape boxes = graph.shape(detection.boxes), scores = graph.shape(logits);
    require(boxes == Shape{1, anchors, 4} && scores.size() == 3 && scores[0] == 1 && scores[1] == anchors && scores[2] >= 2,
            "Boxes (", to_string(boxes), ") and logits (", to_string(scores), ") do not belong to ", anchors, " anchors.");
    require(detection.coder != BoxCoder::yolo || detection.grids.size() == 1, "YOLO's coder has one grid (", detection.grids.size(),
            " are given).");
    return detection;
}

Architecture read_architecture(const SafetensorsFile& file) {
    const auto graph = file.metadata().find("lemnos.graph"), model = file.metadata().find("lemnos.model");
    if (graph == file.metadata().end() || model == file.metadata().end())
        fail(ErrorCode::file_malformed, "The file \"", file.path(),
             "\" holds weights but no graph; build the model first and load its weights into it.");
    const std::string source = text("The file \"", file.path(), "\"");
    Architecture architecture;
    architecture.graph = graph_from_json(graph->second, source);
    try {
        const Json json = Json::parse(model->second);
        architecture.name = json.at("name").get<std::string>();
        architecture.image = value_from(json.at("image"));
        architecture.logits = value_from(json.at("logits"));
        if (json.contains("auxiliary")) architecture.auxiliary = value_from(json.at("auxiliary"));
        if (json.contains("detection"))
            architecture.detection = detection_from(json.at("detection"), architecture.graph, architecture.logits);
        architecture.pixels.mean = json.at("mean").get<std::vector<double>>();
        architecture.pixels.deviation = json.at("deviation").get<std::vector<double>>();
        architecture.class_names = json.at("class_names").get<std::vector<std::string>>();
        architecture.alpha = json.value("alpha", std::map<std::string, double>{});
        architecture.trained_together = json.value("trained_together", int64_t(0));
        for (double deviation : architecture.pixels.deviation)
            require(deviation > 0 && std::isfinite(deviation), "A deviation of the pixels (", deviation, ") is not above 0.");
        const auto weighed = layout_of_alphas(architecture.graph);
        for (const auto& [layer, alpha] : architecture.alpha) {
            require(alpha >= 0 && alpha <= 1, "The alpha of ", layer, " (", alpha, ") is not from 0 to 1.");
            require(weighed->find(layer), "There is an alpha of ", layer, ", which is no layer of batch normalisation.");
        }
        require(architecture.trained_together >= 0, "The images normalised together (", architecture.trained_together, ") are negative.");
        const Shape image = architecture.graph.shape(architecture.image), logits = architecture.graph.shape(architecture.logits);
        const size_t channels = image.size() == 4 ? size_t(image[3]) : 0;
        require(architecture.graph.node(architecture.image.node).leaf == LeafKind::input && image.size() == 4 && image[0] == 1,
                "The image is no input of the shape 1 x height x width x channels.");
        require(architecture.detection || (logits.size() == 2 && logits[0] == 1), "The logits are not of the shape 1 x classes.");
        require(!architecture.auxiliary || architecture.graph.shape(architecture.auxiliary) == logits,
                "The auxiliary classifier has other classes than the classifier.");
        require(architecture.pixels.mean.size() == channels && architecture.pixels.deviation.size() == channels,
                "Mean and deviation do not have one number per channel (", channels, ").");
        require(architecture.class_names.empty() || int64_t(architecture.class_names.size()) == architecture.classes(),
                "There are ", architecture.class_names.size(), " class names for ", architecture.classes(), " classes.");
    } catch (const Json::exception&) {
        fail(ErrorCode::file_malformed, source, ": the description of the model is not complete.");
    } catch (const Error& error) {
        fail(ErrorCode::file_malformed, source, ": the description of the model is not valid. ", error.what());
    }
    return architecture;
}

void Model::load_weights(const std::string& path) {
    const SafetensorsFile file = SafetensorsFile::open(path);
    const std::vector<float> parameters = read_arena(file, *parameters_.layout), states = read_arena(file, *states_.layout);
    parameters_.write(parameters);
    states_.write(states);
}

MatchReport Model::load_matching(const std::string& path) {
    const SafetensorsFile file = SafetensorsFile::open(path);
    std::vector<float> values[2];
    const Arena* const arenas[] = {&parameters_, &states_};
    MatchReport report;
    for (size_t i = 0; i < 2; ++i) {
        values[i] = arenas[i]->read();
        for (const Segment& segment : arenas[i]->layout->segments()) {
            const std::string found = difference(file, segment.name, segment);
            if (found.empty()) {
                read_segment(file, segment.name, segment, values[i]);
                ++report.loaded;
            } else if (file.contains(segment.name)) {
                report.differ.push_back(found);
            } else {
                report.absent.push_back(segment.name);
            }
        }
    }
    for (const TensorEntry& tensor : file.tensors())
        if (!parameters_.layout->find(tensor.name) && !states_.layout->find(tensor.name)) report.unused.push_back(tensor.name);
    if (report.loaded == 0)
        fail(ErrorCode::file_malformed, "The file \"", path, "\" has no tensor of the name and shape of one of the model's (the model's "
             "first is ", parameters_.layout->segments().empty() ? "" : parameters_.layout->segments()[0].name, ").");
    if (file.metadata().contains("lemnos.graph")) {
        const Architecture source = read_architecture(file);
        if (source.channels() == architecture_.channels()) {
            set_pixels(source.pixels);
            report.pixels = true;
        }
        set_trained_together(source.trained_together);
    } else {
        set_pixels(built_pixels_);
        report.pixels = true;
    }
    parameters_.write(values[0]);
    states_.write(values[1]);
    return report;
}

std::shared_ptr<Model> Model::load(std::shared_ptr<Device> device, const std::string& path) {
    const SafetensorsFile file = SafetensorsFile::open(path);
    auto model = std::make_shared<Model>(std::move(device), read_architecture(file));
    model->parameters_.write(read_arena(file, *model->parameters_.layout));
    model->states_.write(read_arena(file, *model->states_.layout));
    return model;
}

} // namespace lemnos
