#include "models/precision.h"

#include "vulkan/device.h"

#include <algorithm>

namespace lemnos {

AttributeSpec precision_attribute(const char* help) {
    return choice_attribute("precision", "f32", {"f32", "mixed"}, help);
}

Precision precision_of(const Attributes& options) {
    return options.choice("precision") == "mixed" ? Precision::mixed : Precision::f32;
}

void require_precision(const Device& device, Precision precision) {
    if (precision == Precision::mixed && !device.profile().storage16)
        fail(ErrorCode::unsupported, "The precision mixed needs buffers that hold 16-bit numbers (storageBuffer16BitAccess), and the device ",
             device.info().name, " has none; precision=f32 runs everywhere.");
}

// What most of the time is spent in, and so what is worth a cast.
static bool is_product(const Operator& op) {
    const std::string_view name = op.name;
    return name == "conv2d" || name == "linear";
}

Value MixedBuilder::as(Value value, DataType dtype) {
    if (!value) return value;
    const TensorType& type = graph_.type(value);
    if (type.dtype == dtype || !is_real(type.dtype)) return value;
    const Node& node = graph_.node(value.node);
    if (node.op && std::string_view(node.op->name) == "cast" && graph_.type(node.inputs[0]).dtype == dtype) return node.inputs[0];
    Value& cast = casts_[value];
    if (!cast) cast = graph_.add("cast", {value}, {{"to", std::string(name_of(dtype))}});
    return cast;
}

Value MixedBuilder::add(const std::string& name, std::vector<Value> inputs, Attributes attributes, std::string label) {
    if (precision_ == Precision::mixed) {
        const Operator& op = find_operator(name);
        const auto may_be_half = [&](size_t i) {
            const int input = int(std::min(i, op.inputs.size() - 1));
            return std::find(op.half.begin(), op.half.end(), input) != op.half.end();
        };
        bool half = is_product(op);
        for (size_t i = 0; i < inputs.size(); ++i)
            half |= inputs[i] && may_be_half(i) && graph_.type(inputs[i]).dtype == DataType::f16;
        for (size_t i = 0; i < inputs.size(); ++i)
            inputs[i] = as(inputs[i], half && may_be_half(i) ? DataType::f16 : DataType::f32);
    }
    return graph_.add(name, std::move(inputs), std::move(attributes), std::move(label));
}

} // namespace lemnos
