// All operators, from the list in ops.def.
#include "graph/json.h"
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

std::string operators_json() {
    Json list = Json::array();
    for (const Operator& op : all_operators()) {
        if (op.internal) continue;
        Json json{{"name", op.name}, {"summary", op.summary}, {"variadic", op.variadic},
                  {"has_gradient", op.gradient != nullptr}};
        for (const char* part : {"inputs", "outputs"}) json[part] = Json::array();
        for (const InputSpec& input : op.inputs)
            json["inputs"].push_back({{"name", input.name}, {"optional", input.optional}, {"help", input.help}});
        for (const OutputSpec& output : op.outputs)
            json["outputs"].push_back({{"name", output.name}, {"help", output.help}});
        json["attributes"] = describe(op.attributes);
        list.push_back(std::move(json));
    }
    return list.dump(2);
}

} // namespace lemnos
