// Results, sentences and texts.
#include "api.h"

#include <set>
#include <thread>

TEST(ApiResults, Names) {
    EXPECT_STREQ(lem_result_name(0), "LEM_OK");
    EXPECT_STREQ(lem_result_name(2), "LEM_FINISHED");
    EXPECT_STREQ(lem_result_name(-12), "LEM_ERROR_NOT_FOUND");
    EXPECT_STREQ(lem_result_name(-90), "LEM_ERROR_INTERNAL");
    EXPECT_STREQ(lem_result_name(-1), "an unknown result");
    EXPECT_STREQ(lem_result_name(0x7fffffff), "an unknown result");
}

TEST(ApiResults, VersionIsThatOfTheHeader) {
    EXPECT_EQ(lem_version(), LEM_VERSION_MAJOR * 1000000 + LEM_VERSION_MINOR * 1000 + LEM_VERSION_PATCH);
    const std::string info = lem_build_info();
    EXPECT_TRUE(info.starts_with("Lemnos " + std::to_string(LEM_VERSION_MAJOR) + "." +
                                 std::to_string(LEM_VERSION_MINOR) + "." + std::to_string(LEM_VERSION_PATCH) +
                                 ", "))
        << info;
    EXPECT_EQ(info.find('\n'), std::string::npos);
}

TEST(ApiResults, TheLastErrorBelongsToTheThread) {
    EXPECT_FAILURE(lem_graph_create(nullptr), LEM_ERROR_INVALID_ARGUMENT, "The argument out is NULL.");
    std::thread([] {
        EXPECT_STREQ(lem_last_error(), "");
        Text text;
        lem_options_json("nothing", text.out());
        EXPECT_STRNE(lem_last_error(), "");
    }).join();
    EXPECT_STREQ(lem_last_error(), "The argument out is NULL.");
}

TEST(ApiResults, SuccessAndReleaseLeaveTheLastErrorAlone) {
    lem_graph_create(nullptr);
    Graph graph;
    EXPECT_OK(lem_graph_create(graph.out()));
    graph.release();
    lem_device_release(nullptr);
    EXPECT_STREQ(lem_last_error(), "The argument out is NULL.");
}

TEST(ApiResults, TextsOfNullAreEmpty) {
    EXPECT_STREQ(lem_text_data(nullptr), "");
    EXPECT_EQ(lem_text_bytes(nullptr), 0);
    lem_text_release(nullptr);
}

TEST(ApiResults, OperatorsAreDescribed) {
    const Json operators = json(lem_operators_json);
    ASSERT_TRUE(operators.is_array());
    std::set<std::string> names;
    for (const Json& op : operators) {
        EXPECT_TRUE(names.insert(op["name"]).second);
        EXPECT_FALSE(op["summary"].get<std::string>().empty()) << op["name"];
        EXPECT_TRUE(op["has_gradient"].is_boolean());
        EXPECT_TRUE(op["outputs"].is_array());
    }
    for (const char* name : {"relu6", "add", "conv2d", "softmax_cross_entropy"})
        EXPECT_TRUE(names.count(name)) << name;
}

TEST(ApiResults, OptionsAreDescribed) {
    for (const char* kind : {"model", "optimizer", "schedule", "trainer", "predictor", "dataset", "profile"}) {
        const Json list = json([&](lem_text** out) { return lem_options_json(kind, out); });
        ASSERT_TRUE(list.is_array() && !list.empty()) << kind;
        for (const Json& entry : list) {
            EXPECT_FALSE(entry["summary"].get<std::string>().empty());
            for (const Json& option : entry["options"]) {
                EXPECT_TRUE(option.contains("default") || option.value("required", false)) << option;
                EXPECT_FALSE(option["help"].get<std::string>().empty()) << option;
                if (option.contains("minimum") && option.contains("maximum")) {
                    EXPECT_LE(option["minimum"], option["maximum"]) << option;
                }
            }
        }
    }
    Text text;
    EXPECT_FAILURE(lem_options_json("modell", text.out()), LEM_ERROR_NOT_FOUND,
                   "There are no options of the kind \"modell\" (model, optimizer, schedule, trainer, "
                   "predictor, dataset and profile exist). "
                   "Did you mean \"model\"?");
    EXPECT_EQ(static_cast<lem_text*>(text), nullptr);
}
