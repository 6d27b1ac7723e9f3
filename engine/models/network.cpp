// Turns an architecture into a graph for a batch, to be trained or to be run.
#include "models/architecture.h"

#include <algorithm>

namespace lemnos {

namespace {

class Instantiation {
  public:
    Instantiation(const Architecture& architecture, const NetworkOptions& options)
        : source_(architecture.graph), options_(options), mapped_(source_.nodes().size()) {
        require(options.batch >= 1, "The batch (", options.batch, ") must be at least 1.");
        add_image(architecture);
        for (int32_t index = 0; index < int32_t(source_.nodes().size()); ++index) copy(index, architecture);
        network_.logits = map(architecture.logits);
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
            network_.pixels = graph.input("pixels", {DataType::u8, shape});
            network_.image = graph.add("prepare_images", {network_.pixels, network_.sample_index, network_.step},
                                        {{"mean", architecture.pixels.mean},
                                         {"deviation", architecture.pixels.deviation},
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
        } else {
            mapped = copy_operator(node);
        }
    }

    Value copy_operator(const Node& node) {
        std::vector<Value> inputs;
        for (Value input : node.inputs) inputs.push_back(map(input));
        const std::string op = node.op->name;
        if (op == "dropout" && !training()) return inputs[0];
        if (op == "batch_norm" && training() && !has_frozen_statistics(node)) {
            Attributes attributes = node.attributes;
            attributes.set("ghost", options_.ghost);
            const Value y = network_.graph.add("batch_norm_training", {inputs[0], inputs[1], inputs[2], network_.valid},
                                                std::move(attributes), node.name);
            network_.moments.push_back({{y.node, 1}, {y.node, 2}, inputs[3], inputs[4]});
            return y;
        }
        return network_.graph.add(op, std::move(inputs), node.attributes, node.name);
    }

    const Graph& source_;
    const NetworkOptions& options_;
    std::vector<Value> mapped_; // output 0 of each node
    Network network_;
};

} // namespace

Network instantiate(const Architecture& architecture, const NetworkOptions& options) {
    return Instantiation(architecture, options).take();
}

} // namespace lemnos
