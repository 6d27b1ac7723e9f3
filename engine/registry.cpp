// All operators, from the list in ops.def.
#include "op.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#define LEMNOS_OPERATOR(name, file) lemnos::Operator define_operator_##name();
#include "ops.def"
#undef LEMNOS_OPERATOR

namespace lemnos {

std::span<const Operator> all_operators() {
    static const std::vector<Operator> operators{
#define LEMNOS_OPERATOR(name, file) define_operator_##name(),
#include "ops.def"
#undef LEMNOS_OPERATOR
    };
    return operators;
}

const Operator& find_operator(const std::string& name) {
    std::vector<std::string> known;
    for (const Operator& op : all_operators()) {
        if (name == op.name) return op;
        if (!op.internal) known.push_back(op.name);
    }
    fail(ErrorCode::not_found, "There is no operator \"", name, "\".", did_you_mean(name, known));
}

using Json = nlohmann::ordered_json;

static Json to_json(const AttributeSpec& spec) {
    constexpr const char* kinds[] = {"integer", "real", "boolean", "choice", "integers", "reals"};
    Json json{{"name", spec.name}, {"kind", kinds[size_t(spec.kind)]}, {"required", spec.required}};
    if (!spec.required) {
        if (spec.kind == AttributeKind::boolean)
            json["default"] = std::get<int64_t>(spec.fallback) != 0;
        else
            std::visit([&](const auto& value) { json["default"] = value; }, spec.fallback);
    }
    const bool whole = spec.kind == AttributeKind::integer || spec.kind == AttributeKind::integers;
    const bool ranged = spec.kind != AttributeKind::boolean && spec.minimum < spec.maximum;
    const auto limit = [&](double value) { return whole ? Json(value < 0x1p63 ? int64_t(value) : INT64_MAX) : Json(value); };
    if (ranged && spec.minimum > -HUGE_VAL) json["minimum"] = limit(spec.minimum);
    if (ranged && spec.maximum < HUGE_VAL) json["maximum"] = limit(spec.maximum);
    if (!spec.choices.empty()) json["choices"] = spec.choices;
    if (spec.length >= 0) json["length"] = spec.length;
    json["help"] = spec.help;
    return json;
}

std::string operators_json() {
    Json list = Json::array();
    for (const Operator& op : all_operators()) {
        if (op.internal) continue;
        Json json{{"name", op.name}, {"summary", op.summary}, {"variadic", op.variadic},
                  {"has_gradient", op.gradient != nullptr}};
        for (const char* part : {"inputs", "outputs", "attributes"}) json[part] = Json::array();
        for (const InputSpec& input : op.inputs)
            json["inputs"].push_back({{"name", input.name}, {"optional", input.optional}, {"help", input.help}});
        for (const OutputSpec& output : op.outputs)
            json["outputs"].push_back({{"name", output.name}, {"help", output.help}});
        for (const AttributeSpec& spec : op.attributes) json["attributes"].push_back(to_json(spec));
        list.push_back(std::move(json));
    }
    return list.dump(2);
}

} // namespace lemnos
