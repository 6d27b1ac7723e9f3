#include "models/layers.h"

#include <algorithm>

namespace lemnos {

Value LayerBuilder::add(const std::string& op, std::vector<Value> inputs, Attributes attributes,
                        const std::string& name) {
    return graph_.add(op, std::move(inputs), std::move(attributes), name);
}

Value LayerBuilder::convolution(Value x, const std::string& name, const ConvolutionLayer& layer) {
    const int64_t inputs = graph_.shape(x).back(), height = layer.kernel, width = layer.kernel_width ? layer.kernel_width : height;
    require(inputs % layer.groups == 0, "Layer ", name, ": ", layer.groups, " groups do not divide ", inputs, " channels.");
    const Value weight = graph_.parameter(name + ".weight", {height, width, inputs / layer.groups, layer.channels},
                                          layer.deviation > 0 ? Initializer{Initializer::normal, layer.deviation}
                                                              : Initializer{Initializer::kaiming_normal, 0});
    const Value bias = layer.bias ? graph_.parameter(name + ".bias", {layer.channels}, {}) : Value{};
    const auto border = [&](int64_t kernel) { return layer.padding == Padding::symmetric ? (kernel - 1) * layer.dilation / 2 : 0; };
    return add("conv2d", {x, weight, bias},
               {{"stride", std::vector<int64_t>{layer.stride, layer.stride}},
                {"padding", std::vector<int64_t>{border(height), border(height), border(width), border(width)}},
                {"same", int64_t(layer.padding == Padding::same)},
                {"dilation", std::vector<int64_t>{layer.dilation, layer.dilation}},
                {"groups", layer.groups},
                {"activation", std::string(layer.activation)}},
               name);
}

Value LayerBuilder::pool(const char* op, Value x, const std::string& name, const PoolLayer& layer) {
    return add(op, {x},
               {{"kernel", std::vector<int64_t>{layer.kernel, layer.kernel}},
                {"stride", std::vector<int64_t>{layer.stride, layer.stride}},
                {"padding", std::vector<int64_t>(4, layer.padding)},
                {"ceil_mode", int64_t(layer.ceil_mode)}},
               name);
}

Value LayerBuilder::normalisation(Value x, const std::string& name, const char* activation, double epsilon) {
    const int64_t channels = graph_.shape(x).back();
    std::vector<Value> inputs{x, graph_.parameter(name + ".weight", {channels}, {Initializer::constant, 1}),
                              graph_.parameter(name + ".bias", {channels}, {})};
    Attributes attributes{{"epsilon", epsilon},
                          {"activation", std::string(activation)},
                          {"examples", normaliser_.examples},
                          {"groups", normaliser_.groups_of(channels, name)}};
    if (!normaliser_.running) return add("normalisation", std::move(inputs), std::move(attributes), name);
    inputs.push_back(graph_.state(name + ".running_mean", {channels}, {}));
    inputs.push_back(graph_.state(name + ".running_var", {channels}, {Initializer::constant, 1}));
    return add("batch_norm", std::move(inputs), std::move(attributes), name);
}

Value LayerBuilder::dropout(Value x, const std::string& name, double rate) {
    if (rate == 0) return x;
    const auto leaf = [&](const char* leaf_name, Shape shape) {
        const Value found = graph_.find_leaf(leaf_name);
        return found ? found : graph_.input(leaf_name, {DataType::i32, std::move(shape)});
    };
    return add("dropout", {x, leaf("sample_index", {graph_.shape(x)[0]}), leaf("step", {4})},
               {{"rate", rate}, {"layer", dropouts_++}}, name);
}

Value LayerBuilder::linear(Value x, const std::string& name, int64_t channels, double deviation) {
    const Value weight = graph_.parameter(name + ".weight", {graph_.shape(x).back(), channels},
                                          {Initializer::normal, deviation});
    const Value bias = graph_.parameter(name + ".bias", {channels}, {});
    return add("linear", {x, weight, bias}, {}, name);
}

static std::vector<AttributeSpec> image_options(int64_t resolution, int64_t classes, const char* classes_help) {
    return {integer_attribute("resolution", resolution, 1, 4096, "Height and width of the input."),
            integer_attribute("channels", 3, 1, 64, "Channels of the input."),
            integer_attribute("classes", classes, 1, 1000000, classes_help)};
}

std::vector<AttributeSpec> classifier_options(int64_t resolution, int64_t classes) {
    return image_options(resolution, classes, "Classes.");
}

std::vector<AttributeSpec> detector_options(int64_t resolution, int64_t classes) {
    return image_options(resolution, classes, "Classes, without the background.");
}

Architecture begin_network(const char* name, const Attributes& options) {
    Architecture network;
    network.name = name;
    const int64_t resolution = options.integer("resolution"), channels = options.integer("channels");
    network.image = network.graph.input("image", {DataType::f32, {1, resolution, resolution, channels}});
    network.pixels = {std::vector<double>(size_t(channels), 0.5), std::vector<double>(size_t(channels), 0.25)};
    if (channels == 3) network.pixels = {{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}}; // ImageNet's, as published weights expect
    return network;
}

int64_t make_divisible(double value, int64_t divisor) {
    const int64_t rounded = std::max(divisor, int64_t(value + double(divisor) / 2) / divisor * divisor);
    return double(rounded) < 0.9 * value ? rounded + divisor : rounded;
}

} // namespace lemnos
