// The list of operators: its order, its texts and its JSON.
#include "graph/graph.h"
#include "refusal.h"
#include "vulkan/pipeline.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <set>

namespace lemnos::test {
namespace {

const char* const names_in_order[] = {
#define LEMNOS_OPERATOR(name, file) #name,
#include "ops.def"
#undef LEMNOS_OPERATOR
};

bool is_identifier(const std::string& name) {
    return !name.empty() && std::islower(static_cast<unsigned char>(name[0])) &&
           std::all_of(name.begin(), name.end(),
                       [](unsigned char c) { return std::islower(c) || std::isdigit(c) || c == '_'; });
}

bool is_sentence(const std::string& text) { return text.size() > 4 && text.ends_with("."); }

} // namespace

TEST(Registry, FollowsTheListInOrderAndName) {
    ASSERT_EQ(all_operators().size(), std::size(names_in_order));
    for (size_t i = 0; i < std::size(names_in_order); ++i) EXPECT_STREQ(all_operators()[i].name, names_in_order[i]);
}

TEST(Registry, HoldsCompleteDescriptions) {
    std::set<std::string> seen;
    for (const Operator& op : all_operators()) {
        SCOPED_TRACE(op.name);
        EXPECT_TRUE(seen.insert(op.name).second) << "twice";
        EXPECT_TRUE(is_identifier(op.name));
        EXPECT_TRUE(is_sentence(op.summary)) << op.summary;
        EXPECT_NE(op.infer, nullptr);
        EXPECT_EQ(op.emit == nullptr, op.alias);
        EXPECT_FALSE(op.outputs.empty());
        if (op.variadic) {
            EXPECT_FALSE(op.inputs.empty());
        }
        std::set<std::string> names;
        for (const InputSpec& input : op.inputs) {
            EXPECT_TRUE(is_identifier(input.name)) << input.name;
            EXPECT_TRUE(is_sentence(input.help)) << input.name << ": " << input.help;
            EXPECT_TRUE(names.insert(input.name).second) << input.name;
        }
        for (const OutputSpec& output : op.outputs) {
            EXPECT_TRUE(is_identifier(output.name)) << output.name;
            EXPECT_TRUE(is_sentence(output.help)) << output.name << ": " << output.help;
        }
        // Optional inputs come last, or nobody could leave them out.
        bool optional = false;
        for (const InputSpec& input : op.inputs) {
            EXPECT_TRUE(input.optional || !optional) << input.name;
            optional |= input.optional;
        }
        std::set<std::string> attributes;
        for (const AttributeSpec& spec : op.attributes) {
            EXPECT_TRUE(is_identifier(spec.name)) << spec.name;
            EXPECT_TRUE(is_sentence(spec.help)) << spec.name << ": " << spec.help;
            EXPECT_TRUE(attributes.insert(spec.name).second) << spec.name;
        }
    }
}

TEST(Registry, HasDefaultsThatItsOwnSpecificationsTake) {
    for (const Operator& op : all_operators())
        for (AttributeSpec spec : op.attributes) {
            if (spec.required) continue;
            SCOPED_TRACE(text(op.name, ".", spec.name));
            Attributes attributes;
            attributes.set(spec.name, spec.fallback);
            EXPECT_NO_THROW(attributes.complete({spec}, "default"));
        }
}

TEST(Registry, FindsOperatorsByName) {
    for (const char* name : names_in_order) EXPECT_STREQ(find_operator(name).name, name);
    expect_refusal(ErrorCode::not_found, {"There is no operator \"relu7\". Did you mean \"relu\"?"},
                 [] { find_operator("relu7"); });
    expect_refusal(ErrorCode::not_found, {"There is no operator \"quantisation\"."},
                 [] { find_operator("quantisation"); });
    expect_refusal(ErrorCode::not_found, {"\"\""}, [] { find_operator(""); });
    // Operators that only gradients add are not suggested.
    try {
        find_operator("activation_gradien");
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(std::string(error.what()).find("activation_gradient"), std::string::npos) << error.what();
    }
}

TEST(OperatorsJson, DescribesEveryPublicOperator) {
    const nlohmann::json list = nlohmann::json::parse(operators_json());
    ASSERT_TRUE(list.is_array());
    size_t at = 0;
    for (const Operator& op : all_operators()) {
        if (op.internal) continue;
        SCOPED_TRACE(op.name);
        ASSERT_LT(at, list.size());
        const nlohmann::json& json = list[at++];
        EXPECT_EQ(json.at("name"), op.name);
        EXPECT_TRUE(is_sentence(json.at("summary").get<std::string>()));
        EXPECT_EQ(json.at("has_gradient").get<bool>(), op.gradient != nullptr);
        EXPECT_EQ(json.at("variadic").get<bool>(), op.variadic);
        ASSERT_EQ(json.at("inputs").size(), op.inputs.size());
        ASSERT_EQ(json.at("outputs").size(), op.outputs.size());
        ASSERT_EQ(json.at("attributes").size(), op.attributes.size());
        for (const auto& input : json.at("inputs")) {
            EXPECT_TRUE(input.at("name").is_string());
            EXPECT_TRUE(input.at("optional").is_boolean());
            EXPECT_TRUE(is_sentence(input.at("help").get<std::string>()));
        }
        for (size_t i = 0; i < op.attributes.size(); ++i) {
            const AttributeSpec& spec = op.attributes[i];
            const nlohmann::json& attribute = json.at("attributes")[i];
            SCOPED_TRACE(attribute.dump());
            EXPECT_EQ(attribute.at("name"), spec.name);
            EXPECT_EQ(attribute.at("required").get<bool>(), spec.required);
            EXPECT_EQ(attribute.contains("default"), !spec.required);
            const std::string kind = attribute.at("kind");
            EXPECT_EQ(attribute.contains("choices"), kind == "choice");
            if (kind == "integer" || kind == "integers") {
                EXPECT_TRUE(attribute.at("minimum").is_number_integer());
                EXPECT_TRUE(attribute.at("maximum").is_number_integer());
            }
            if (spec.required) continue;
            const nlohmann::json& fallback = attribute.at("default");
            EXPECT_TRUE(kind == "integer"   ? fallback.is_number_integer()
                        : kind == "real"    ? fallback.is_number_float()
                        : kind == "boolean" ? fallback.is_boolean()
                        : kind == "choice"  ? fallback.is_string()
                                            : fallback.is_array());
        }
    }
    EXPECT_EQ(at, list.size());
    // Only ASCII, so that every generator and terminal shows the texts as they are.
    const std::string json = operators_json();
    EXPECT_TRUE(std::all_of(json.begin(), json.end(), [](char c) { return static_cast<signed char>(c) >= 0; }));
}

TEST(ShaderTable, IsSortedAndFindsEveryShader) {
    const auto shaders = all_shaders();
    ASSERT_FALSE(shaders.empty());
    for (size_t i = 0; i < shaders.size(); ++i) {
        if (i > 0) {
            EXPECT_LT(std::strcmp(shaders[i - 1].name, shaders[i].name), 0) << shaders[i].name;
        }
        EXPECT_EQ(find_shader(shaders[i].name).words, shaders[i].words);
        EXPECT_EQ(shaders[i].words[0], 0x07230203u) << shaders[i].name; // SPIR-V's magic number
    }
    expect_refusal(ErrorCode::internal, {"The library holds no shader named no_such."}, [] { find_shader("no_such"); });
    expect_refusal(ErrorCode::internal, {"zzz"}, [] { find_shader("zzz"); });
    EXPECT_EQ(std::strlen(shader_set_hash()), 16u);
}

TEST(LinearGroups, CoverEveryItemWithinTheLimits) {
    for (uint32_t limit : {1u, 7u, 65535u, 2147483647u})
        for (int64_t items : {int64_t(0), int64_t(1), int64_t(63), int64_t(64), int64_t(65), int64_t(448),
                              int64_t(449), int64_t(64) * 65535, int64_t(64) * 65535 + 1, int64_t(1) << 30}) {
            DeviceProfile profile;
            profile.max_group_count = limit;
            const auto groups = linear_groups(profile, items, 64);
            EXPECT_GE(int64_t(groups[0]) * groups[1] * groups[2] * 64, items);
            EXPECT_GE(groups[0], 1u);
            EXPECT_LE(groups[0], limit);
            if (divide_up(items, 64) <= int64_t(limit) * limit) {
                EXPECT_LE(groups[1], limit);
            }
            EXPECT_EQ(groups[2], 1u);
        }
}

} // namespace lemnos::test
