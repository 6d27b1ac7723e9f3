// Turns an architecture into a graph for a batch, to be trained or to be run.
#include "models/architecture.h"

#include <algorithm>
#include <map>
#include <set>

namespace lemnos {

namespace {

class Instantiation {
  public:
    Instantiation(const Architecture& architecture, const NetworkOptions& options)
        : source_(architecture.graph), options_(options), mapped_(source_.nodes().size()) {
        require(options.batch >= 1, "The batch (", options.batch, ") must be at least 1.");
        if (options.fold && !options.weigh && !training()) choose_folded(architecture.logits);
        add_image(architecture);
        for (int32_t index = 0; index < int32_t(source_.nodes().size()); ++index) copy(index, architecture);
        network_.logits = map(architecture.logits);
        if (training()) network_.auxiliary = map(architecture.auxiliary);
    }

    Network take() { return std::move(network_); }

  private:
    bool training() const { return options_.mode == Mode::training; }
    bool has_frozen_statistics(const Node& node) const {
        const std::vector<std::string>& frozen = options_.frozen_statistics;
        return std::find(frozen.begin(), frozen.end(), node.name) != frozen.end();
    }
    Value map(Value value) const {
        return value ? Value{mapped_[size_t(value.node)].node, mapped_[size_t(value.node)].output + value.output} : value;
    }

    // A normalisation is folded where nothing else sees the convolution's result, and where all that the new filter and bias
    // are made of lies in the model.
    void choose_folded(Value logits) {
        std::map<Value, int> uses{{logits, 1}};
        for (const Node& node : source_.nodes())
            for (Value input : node.inputs)
                if (input) ++uses[input];
        const auto is_op = [](const Node& node, std::string_view name) { return node.op && name == node.op->name; };
        const auto in_model = [&](Value value) {
            if (!value) return true; // left out
            const LeafKind kind = source_.node(value.node).leaf;
            return kind == LeafKind::parameter || kind == LeafKind::state;
        };
        for (int32_t index = 0; index < int32_t(source_.nodes().size()); ++index) {
            const Node& norm = source_.node(index);
            if (!is_op(norm, "batch_norm") || uses.contains({index, 1})) continue; // output 1: the coefficients
            if (norm.attributes.integer("groups") != 0) continue;
            if (norm.inputs.size() > 5 && norm.inputs[5]) continue; // alpha: the moments are not all
            const Node& convolution = source_.node(norm.inputs[0].node);
            if (!is_op(convolution, "conv2d") && !is_op(convolution, "linear")) continue;
            if (uses[norm.inputs[0]] != 1 || convolution.attributes.choice("activation") != "none") continue;
            bool known = true;
            for (size_t i = 1; i < convolution.inputs.size(); ++i) known &= in_model(convolution.inputs[i]);
            for (size_t i = 1; i < norm.inputs.size(); ++i) known &= in_model(norm.inputs[i]);
            if (known) folded_.insert(norm.inputs[0].node);
        }
    }

    // The convolution with the normalisation in it, in the normalisation's place.
    Value add_folded(int32_t index) {
        const Node& norm = source_.node(index);
        const int32_t convolution_index = norm.inputs[0].node;
        const Node& convolution = source_.node(convolution_index);
        Graph& graph = network_.graph;
        const size_t number = network_.folded.size();
        const Value filter = graph.input(text("folded filter ", number), source_.type(convolution.inputs[1]));
        const Value bias = graph.input(text("folded bias ", number), source_.type(norm.inputs[2]));
        network_.folded.push_back({filter, bias, convolution_index, index});
        Attributes attributes = convolution.attributes;
        attributes.set("activation", norm.attributes.choice("activation"));
        return graph.add(convolution.op->name, {map(convolution.inputs[0]), filter, bias}, std::move(attributes),
                         convolution.name);
    }

    void add_image(const Architecture& architecture) {
        Graph& graph = network_.graph;
        Shape shape = architecture.graph.shape(architecture.image);
        shape[0] = options_.batch;
        network_.sample_index = graph.input("sample_index", {DataType::i32, {options_.batch}});
        network_.step = graph.input("step", {DataType::i32, {4}});
        if (training()) network_.valid = graph.input("valid", {DataType::f32, {1}});
        if (!options_.prepare_pixels) {
            network_.image = graph.input("image", {DataType::f32, shape});
        } else {
            const PixelPreparation& pixels = options_.pixels ? *options_.pixels : architecture.pixels;
            network_.pixels = graph.input("pixels", {DataType::u8, shape});
            network_.image = graph.add("prepare_images", {network_.pixels, network_.sample_index, network_.step},
                                        {{"mean", pixels.mean},
                                         {"deviation", pixels.deviation},
                                         {"crop_padding", training() ? options_.crop_padding : 0},
                                         {"flip", int64_t(training() && options_.flip)}});
        }
        mapped_[size_t(architecture.image.node)] = network_.image;
    }

    void copy(int32_t index, const Architecture& architecture) {
        const Node& node = source_.node(index);
        Value& mapped = mapped_[size_t(index)];
        if (index == architecture.image.node) return;
        if (node.leaf == LeafKind::input) {
            if (node.name == "sample_index") mapped = network_.sample_index;
            else if (node.name == "step") mapped = network_.step;
            else fail(ErrorCode::unsupported, "The model ", architecture.name, " has an input \"", node.name,
                      "\" besides its image.");
        } else if (node.leaf == LeafKind::parameter) {
            mapped = network_.graph.parameter(node.name, node.outputs[0].shape, node.initializer);
            network_.parameters.push_back(mapped);
        } else if (node.leaf == LeafKind::state) {
            mapped = network_.graph.state(node.name, node.outputs[0].shape, node.initializer);
            network_.states.push_back(mapped);
        } else if (!folded_.contains(index)) { // a folded one has its only user's place
            const bool folds = !node.inputs.empty() && folded_.contains(node.inputs[0].node);
            mapped = folds ? add_folded(index) : copy_operator(node);
        }
    }

    Value copy_operator(const Node& node) {
        std::vector<Value> inputs;
        for (Value input : node.inputs) inputs.push_back(map(input));
        const std::string op = node.op->name;
        if (op == "dropout" && !training()) return inputs[0];
        if (op == "batch_norm" && training() && !has_frozen_statistics(node)) {
            Attributes attributes = node.attributes;
            if (options_.ghost > 0) attributes.set("examples", options_.ghost);
            const Value y = network_.graph.add("normalisation", {inputs[0], inputs[1], inputs[2], network_.valid},
                                                std::move(attributes), node.name);
            network_.moments.push_back({{y.node, 1}, {y.node, 2}, inputs[3], inputs[4]});
            return y;
        }
        if (op == "normalisation" && training()) inputs.push_back(network_.valid);
        if (op == "batch_norm" && options_.weigh) {
            const Value alpha = network_.graph.input(text("alpha ", network_.weights.size()), {DataType::f32, {1}});
            network_.weights.push_back({alpha, node.name});
            inputs.push_back(alpha);
        }
        return network_.graph.add(op, std::move(inputs), node.attributes, node.name);
    }

    const Graph& source_;
    const NetworkOptions& options_;
    std::vector<Value> mapped_; // output 0 of each node
    std::set<int32_t> folded_;  // convolutions whose only user is a normalisation that is folded into them
    Network network_;
};

} // namespace

Network instantiate(const Architecture& architecture, const NetworkOptions& options) {
    return Instantiation(architecture, options).take();
}

} // namespace lemnos
