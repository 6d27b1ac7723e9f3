// Turns an architecture into a graph for a batch, to be trained or to be run.
#include "models/architecture.h"
#include "ops/activation.h"
#include "ops/convolution.h"

#include <algorithm>
#include <map>
#include <set>

namespace lemnos {

namespace {

// The channels of a group: eights or fours where they are enough for all groups, for which there are faster kernels.
Network::Folded::Range channel_group(int64_t channels, int64_t groups, int64_t group) {
    int64_t unit = 8;
    while (channels % unit || channels / unit < groups) unit = unit == 8 ? 4 : 1;
    const auto boundary = [&](int64_t i) { return channels / unit * i / groups * unit; };
    return {boundary(group), boundary(group + 1) - boundary(group)};
}

class Instantiation {
  public:
    Instantiation(const Architecture& architecture, const NetworkOptions& options)
        : source_(architecture.graph), options_(options), mapped_(source_.nodes().size()),
          builder_(network_.graph, options.precision) {
        require(options.batch >= 1, "The batch (", options.batch, ") must be at least 1.");
        const bool folds = options.fold && !options.weigh && !training();
        if (folds || training()) count_uses(architecture);
        if (folds) {
            choose_folded();
            find_transforms();
        }
        choose_sums();
        add_image(architecture);
        for (int32_t index = 0; index < int32_t(source_.nodes().size()); ++index) copy(index, architecture);
        network_.logits = builder_.as(map(architecture.logits), DataType::f32);
        if (architecture.detection) network_.boxes = builder_.as(map(architecture.detection->boxes), DataType::f32);
        if (training()) network_.auxiliary = builder_.as(map(architecture.auxiliary), DataType::f32);
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

    static bool is_op(const Node& node, std::string_view name) { return node.op && name == node.op->name; }

    void count_uses(const Architecture& architecture) {
        ++uses_[architecture.logits];
        if (architecture.detection) ++uses_[architecture.detection->boxes];
        if (architecture.auxiliary) ++uses_[architecture.auxiliary];
        for (int32_t index = 0; index < int32_t(source_.nodes().size()); ++index)
            for (Value input : source_.node(index).inputs)
                if (input) {
                    ++uses_[input];
                    user_[input] = index;
                }
    }

    // A normalisation is folded where nothing else sees the convolution's result, and where all that the new filter and bias
    // are made of lies in the model.
    void choose_folded() {
        const auto in_model = [&](Value value) {
            if (!value) return true; // left out
            const LeafKind kind = source_.node(value.node).leaf;
            return kind == LeafKind::parameter || kind == LeafKind::state;
        };
        for (int32_t index = 0; index < int32_t(source_.nodes().size()); ++index) {
            const Node& norm = source_.node(index);
            if (!is_op(norm, "batch_norm") || uses_.contains({index, 1})) continue; // output 1: the coefficients
            if (norm.attributes.integer("groups") != 0) continue;
            if (norm.inputs.size() > 5 && norm.inputs[5]) continue; // alpha: the moments are not all
            const Node& convolution = source_.node(norm.inputs[0].node);
            if (!is_op(convolution, "conv2d") && !is_op(convolution, "linear")) continue;
            if (uses_[norm.inputs[0]] != 1 || convolution.attributes.choice("activation") != "none") continue;
            if (convolution.inputs.size() > 3 && convolution.inputs[3]) continue; // a residual
            bool known = true;
            for (size_t i = 1; i < convolution.inputs.size(); ++i) known &= in_model(convolution.inputs[i]);
            for (size_t i = 1; i < norm.inputs.size(); ++i) known &= in_model(norm.inputs[i]);
            if (known) folded_[norm.inputs[0].node] = index;
        }
    }

    // ---- transforms that may run in groups of channels ----

    struct Transform {
        int32_t expansion, depthwise, projection; // convolutions that are folded
        int32_t shortcut = -1;                    // the addition of another value to the result, which can be part of it
        int64_t channels, groups = 1;
    };

    int64_t channels_out(int32_t convolution) const { return source_.shape({convolution, 0}).back(); }
    // The convolution whose normalised result this one alone reads; -1: there is none.
    int32_t folded_before(int32_t convolution) const {
        const Value x = source_.node(convolution).inputs[0];
        const Node& norm = source_.node(x.node);
        if (!is_op(norm, "batch_norm") || uses_.at(x) != 1) return -1;
        const auto before = folded_.find(norm.inputs[0].node);
        return before != folded_.end() && before->second == x.node ? before->first : -1;
    }
    bool is_convolution(int32_t index, int64_t groups) const {
        const Node& node = source_.node(index);
        return is_op(node, "conv2d") && node.attributes.integer("groups") == groups;
    }

    void find_transforms() {
        std::set<int32_t> taken; // a projection may look like the expansion of what follows
        for (const auto& [projection, norm] : folded_) {
            if (!is_convolution(projection, 1)) continue;
            const Shape& filter = source_.shape(source_.node(projection).inputs[1]);
            const int64_t channels = filter[2];
            if (filter[0] != 1 || filter[1] != 1 || channels < 2) continue;
            const int32_t depthwise = folded_before(projection);
            if (depthwise < 0 || !is_convolution(depthwise, channels)) continue;
            const int32_t expansion = folded_before(depthwise);
            if (expansion < 0 || !is_convolution(expansion, 1) || taken.contains(expansion)) continue;
            if (channels_out(expansion) != channels) continue; // several results a channel
            taken.insert(projection);
            Transform transform{.expansion = expansion, .depthwise = depthwise, .projection = projection, .channels = channels};
            transform.shortcut = addition_after(norm);
            if (transforms_.size() < options_.channel_groups.size()) {
                const int64_t groups = options_.channel_groups[transforms_.size()];
                require(groups >= 1, "The channel groups (", groups, ") must be at least 1.");
                transform.groups = std::min(groups, channels);
            }
            transforms_.push_back(transform);
        }
        for (size_t i = 0; i < transforms_.size(); ++i) {
            const Transform& t = transforms_[i];
            const std::string &inner = source_.node(t.depthwise).name, &last = source_.node(t.projection).name;
            const size_t same = size_t(std::mismatch(inner.begin(), inner.end(), last.begin(), last.end()).first - inner.begin());
            const size_t dot = inner.rfind('.', same);
            network_.transforms.push_back(
                {dot == std::string::npos || dot == 0 ? inner : inner.substr(0, dot), t.channels, t.groups, {}});
            for (int32_t convolution : {t.expansion, t.depthwise, t.projection}) {
                transform_of_[folded_.at(convolution)] = i;
                if (t.groups > 1) split_.insert({convolution, folded_.at(convolution)});
            }
            if (t.shortcut >= 0) {
                transform_of_[t.shortcut] = i;
                if (t.groups > 1) split_.insert(t.shortcut);
            }
        }
    }

    // An addition that is all that becomes of a node's result, of another value of its shape; or -1.
    int32_t sum_after(int32_t index) const {
        const Value y{index, 0};
        if (source_.node(index).attributes.choice("activation") != "none" || !uses_.contains(y) || uses_.at(y) != 1) return -1;
        const auto found = user_.find(y);
        if (found == user_.end() || !is_op(source_.node(found->second), "add")) return -1;
        return source_.type(added_to(y, found->second)) == source_.type(y) ? found->second : -1;
    }
    // Likewise, of a value that is known by then.
    int32_t addition_after(int32_t norm) const {
        const int32_t sum = sum_after(norm);
        return sum >= 0 && added_to({norm, 0}, sum).node < norm ? sum : -1;
    }
    Value added_to(Value y, int32_t sum) const {
        const std::vector<Value>& inputs = source_.node(sum).inputs;
        return inputs[0] == y ? inputs[1] : inputs[0];
    }

    // ---- additions that convolutions and normalisations take with them ----

    // Of the result of one of them and another value; with the activation that is all that becomes of the sum.
    struct Sum {
        int32_t addend, activation = -1;
    };

    // The node that computes what a node stands for: the convolution that a normalisation is folded into, or itself.
    int32_t computed_by(int32_t index) const {
        const Node& node = source_.node(index);
        return !node.inputs.empty() && folded_.contains(node.inputs[0].node) ? node.inputs[0].node : index;
    }

    // The number of the input that an operator adds before its activation; 0: it has none.
    static size_t residual_of(const Node& node) {
        if (!node.op) return 0;
        const std::vector<InputSpec>& inputs = node.op->inputs;
        const auto found = std::find_if(inputs.begin(), inputs.end(),
                                        [](const InputSpec& input) { return input.name == std::string_view("residual"); });
        return found == inputs.end() ? 0 : size_t(found - inputs.begin());
    }
    static Value residual_in(const Node& node) {
        const size_t i = residual_of(node);
        return i > 0 && i < node.inputs.size() ? node.inputs[i] : Value{};
    }

    bool takes_residual(int32_t index) const {
        const Node& node = source_.node(index);
        if (residual_of(node) == 0 || residual_in(node)) return false;
        return !is_op(node, "conv2d") || !is_by_channel(node.attributes, source_.type(node.inputs[0]));
    }

    void choose_sums() {
        for (int32_t index = 0; index < int32_t(source_.nodes().size()); ++index) {
            if (folded_.contains(index) || !takes_residual(computed_by(index))) continue;
            const int32_t sum = sum_after(index);
            if (sum < 0 || split_.contains(sum) || sums_.contains(sum)) continue;
            const int32_t activation = activation_after(sum);
            sums_[sum] = {index, activation};
            summed_.insert(index);
            if (activation >= 0) activated_[activation] = sum;
        }
    }

    // An activation that either can apply and that is all that becomes of a node's result; or -1.
    int32_t activation_after(int32_t index) const {
        const Value y{index, 0};
        if (!uses_.contains(y) || uses_.at(y) != 1 || !user_.contains(y)) return -1;
        const Node& user = source_.node(user_.at(y));
        const std::vector<std::string> fusible = activation_attribute().choices;
        return user.op && std::find(fusible.begin(), fusible.end(), user.op->name) != fusible.end() ? user_.at(y) : -1;
    }

    Value add_with_sum(int32_t index) {
        const Sum& sum = sums_.at(index);
        const Value residual = map(added_to({sum.addend, 0}, index));
        const std::string activation = sum.activation < 0 ? "none" : source_.node(sum.activation).op->name;
        const int32_t computed = computed_by(sum.addend);
        const Node& node = source_.node(computed);
        return folded_.contains(computed)
                   ? add_folded(computed, map(node.inputs[0]), {.residual = residual, .activation = activation})
                   : copy_operator(node, residual, activation);
    }

    Value add_split(const Transform& t) {
        Value sum; // of the groups before
        if (t.shortcut >= 0) sum = map(added_to({folded_.at(t.projection), 0}, t.shortcut));
        const Value x = map(source_.node(t.expansion).inputs[0]);
        for (int64_t group = 0; group < t.groups; ++group) {
            const Network::Folded::Range part = channel_group(t.channels, t.groups, group);
            const Value expanded = add_folded(t.expansion, x, {.channels = part});
            const Value filtered = add_folded(t.depthwise, expanded, {.channels = part});
            sum = add_folded(t.projection, filtered,
                             {.inputs = part, .first = group == 0, .last = group + 1 == t.groups, .residual = sum});
        }
        return sum;
    }

    struct Part {
        Network::Folded::Range channels = {}, inputs = {};
        bool first = true, last = true; // of the parts whose sum the result is
        Value residual = {};
        std::string activation = {}; // of the sum; empty: the normalisation's
    };
    // A part of the convolution with the normalisation in it.
    Value add_folded(int32_t convolution_index, Value x, const Part& part) {
        const Node& convolution = source_.node(convolution_index);
        const int32_t norm_index = folded_.at(convolution_index);
        const Node& norm = source_.node(norm_index);
        Graph& graph = network_.graph;
        const size_t number = network_.folded.size();
        TensorType filter_type = source_.type(convolution.inputs[1]), bias_type = source_.type(norm.inputs[2]);
        if (part.channels.count) filter_type.shape.back() = bias_type.shape[0] = part.channels.count;
        if (part.inputs.count) filter_type.shape[2] = part.inputs.count;
        const Value filter = graph.input(text("folded filter ", number), filter_type);
        const Value bias = part.first ? graph.input(text("folded bias ", number), bias_type) : Value{};
        network_.folded.push_back({filter, bias, convolution_index, norm_index, part.channels, part.inputs});
        Attributes attributes = convolution.attributes;
        if (part.last)
            attributes.set("activation", part.activation.empty() ? norm.attributes.choice("activation") : part.activation);
        if (part.channels.count && attributes.contains("groups") && attributes.integer("groups") > 1)
            attributes.set("groups", part.channels.count);
        std::vector<Value> inputs{x, filter, bias};
        if (part.residual) inputs.push_back(part.residual);
        return builder_.add(convolution.op->name, std::move(inputs), std::move(attributes), convolution.name);
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
        } else {
            copy_node(index);
        }
    }

    void copy_node(int32_t index) {
        const Node& node = source_.node(index);
        Value& mapped = mapped_[size_t(index)];
        const auto found = transform_of_.find(index);
        const int32_t first_new = int32_t(network_.graph.nodes().size());
        if (split_.contains(index)) {
            if (found == transform_of_.end()) return; // a convolution
            const Transform& transform = transforms_[found->second];
            if (index == transform.shortcut) mapped = map({folded_.at(transform.projection), 0});
            else if (index == folded_.at(transform.projection)) mapped = add_split(transform);
        } else if (folded_.contains(index) || summed_.contains(index)) {
            return; // its only user stands for it
        } else if (sums_.contains(index)) {
            mapped = add_with_sum(index);
        } else if (activated_.contains(index)) {
            mapped = mapped_[size_t(activated_.at(index))];
        } else if (!node.inputs.empty() && folded_.contains(node.inputs[0].node)) {
            mapped = add_folded(node.inputs[0].node, map(source_.node(node.inputs[0].node).inputs[0]), {});
        } else {
            mapped = copy_operator(node);
        }
        if (found == transform_of_.end()) return;
        for (int32_t added = first_new; added < int32_t(network_.graph.nodes().size()); ++added)
            if (network_.graph.node(added).op) network_.transforms[found->second].nodes.push_back(added);
    }

    Value copy_operator(const Node& node) { return copy_operator(node, map(residual_in(node)), {}); }
    // With another residual and, unless it is empty, the activation of that sum.
    Value copy_operator(const Node& node, Value residual, const std::string& activation) {
        std::vector<Value> inputs;
        for (Value input : node.inputs) inputs.push_back(map(input));
        const auto put = [&](size_t i, Value value) {
            if (!value) return;
            inputs.resize(std::max(inputs.size(), i + 1));
            inputs[i] = value;
        };
        const std::string op = node.op->name;
        if (op == "dropout" && !training()) return inputs[0];
        Attributes attributes = node.attributes;
        if (!activation.empty()) attributes.set("activation", activation);
        if (op == "batch_norm" && training() && !has_frozen_statistics(node)) {
            if (options_.ghost > 0) attributes.set("examples", options_.ghost);
            const Value y = builder_.add("normalisation", {inputs[0], inputs[1], inputs[2], network_.valid, residual},
                                         std::move(attributes), node.name);
            network_.moments.push_back({{y.node, 1}, {y.node, 2}, inputs[3], inputs[4]});
            return y;
        }
        if (op == "reshape") { // keeps the batch: the neutral form has one image
            std::vector<int64_t> shape = attributes.integers("shape");
            if (!shape.empty() && shape[0] == 1) shape[0] = options_.batch;
            attributes.set("shape", std::move(shape));
            return builder_.add(op, std::move(inputs), std::move(attributes), node.name);
        }
        if (op == "normalisation" && training()) put(3, network_.valid);
        if (op == "batch_norm" && options_.weigh) {
            const Value alpha = network_.graph.input(text("alpha ", network_.weights.size()), {DataType::f32, {1}});
            network_.weights.push_back({alpha, node.name});
            put(5, alpha);
        }
        put(residual_of(node), residual);
        return builder_.add(op, std::move(inputs), std::move(attributes), node.name);
    }

    const Graph& source_;
    const NetworkOptions& options_;
    std::vector<Value> mapped_; // output 0 of each node
    std::map<Value, int> uses_;
    std::map<Value, int32_t> user_;     // the last
    std::map<int32_t, int32_t> folded_; // convolutions whose only user is a normalisation that is folded into them, and that
    std::vector<Transform> transforms_;
    std::map<int32_t, size_t> transform_of_; // by what gives a value: normalisations and shortcuts
    std::set<int32_t> split_;                // nodes that become parts of add_split()
    std::map<int32_t, Sum> sums_;            // additions
    std::set<int32_t> summed_;               // the normalisations in them
    std::map<int32_t, int32_t> activated_;   // the activations in them, and whose they are
    Network network_;
    MixedBuilder builder_; // of its graph
};

} // namespace

Network instantiate(const Architecture& architecture, const NetworkOptions& options) {
    return Instantiation(architecture, options).take();
}

} // namespace lemnos
