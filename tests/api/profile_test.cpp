// Profiles through the C API: what a trace looks like, that its numbers agree with each other, and what is refused.
#include "api.h"

#include <algorithm>
#include <cmath>
#include <map>

class ApiProfile : public WithDevice {
  protected:
    Json stop() {
        return json([&](lem_text** out) { return lem_device_profile_stop(device, out); });
    }
    void build(Model& model, Trainer& trainer) {
        const Dataset dataset = quarters(16);
        Optimizer optimizer;
        Schedule schedule;
        ASSERT_OK(lem_model_build(device, "mobilenet_v2", small_options, 1, model.out()));
        ASSERT_OK(lem_optimizer_create("adam", nullptr, optimizer.out()));
        ASSERT_OK(lem_schedule_create("constant", nullptr, schedule.out()));
        ASSERT_OK(lem_trainer_create(model, dataset, optimizer, schedule, R"({"batch": 8, "epochs": 20})", trainer.out()));
    }

    // Events of a lane either follow each other or lie within each other; every dispatch lies within a submission.
    static void expect_well_formed(const Json& trace) {
        ASSERT_TRUE(trace["traceEvents"].is_array());
        std::map<std::pair<int, int>, std::vector<Json>> lanes;
        std::map<int64_t, int> arrows;
        for (const Json& event : trace["traceEvents"]) {
            const std::string phase = event["ph"];
            EXPECT_TRUE(event["name"].is_string() && event["pid"].is_number() && event["tid"].is_number()) << event;
            if (phase == "M") continue;
            EXPECT_TRUE(event["ts"].is_number()) << event;
            if (phase == "X") lanes[{event["pid"], event["tid"]}].push_back(event);
            else if (phase == "s") ++arrows[event["id"]];
            else if (phase == "f") EXPECT_EQ(--arrows[event["id"]], 0) << event;
            else ADD_FAILURE() << event;
        }
        for (const auto& [ticket, open] : arrows) EXPECT_EQ(open, 0) << "the arrow of ticket " << ticket;
        constexpr double slack = 1e-3; // microseconds: what the numbers' digits leave
        for (auto& [lane, events] : lanes) {
            std::stable_sort(events.begin(), events.end(), [](const Json& a, const Json& b) {
                return std::pair(a["ts"].get<double>(), -a["dur"].get<double>()) < std::pair(b["ts"].get<double>(), -b["dur"].get<double>());
            });
            std::vector<double> ends;
            for (const Json& event : events) {
                const double begin = event["ts"], end = begin + event["dur"].get<double>();
                EXPECT_GE(end, begin) << event;
                while (!ends.empty() && ends.back() <= begin + slack) ends.pop_back();
                if (!ends.empty()) {
                    EXPECT_LE(end, ends.back() + slack) << "crosses the end of what it begins in: " << event;
                }
                const bool dispatch = event["cat"] == "dispatch";
                EXPECT_EQ(ends.size(), dispatch ? 1u : 0u) << event;
                ends.push_back(end);
            }
        }
    }

    // What the events say of a dispatch and what the numbers say is the same, and the parts do not exceed the whole.
    static void expect_agreement(const Json& trace) {
        const Json& numbers = trace["profile"];
        double of_events = 0, of_rows = 0;
        int64_t events = 0, runs = 0;
        for (const Json& event : trace["traceEvents"])
            if (event["ph"] == "X" && event["cat"] == "dispatch") {
                of_events += event["dur"].get<double>() * 1e-6;
                ++events;
            }
        for (const Json& row : numbers["dispatches"]) {
            of_rows += row["seconds"].get<double>();
            runs += row["runs"].get<int64_t>();
            EXPECT_GE(row["seconds"], row["median_seconds"]) << row;
            EXPECT_FALSE(row["operator"].get<std::string>().empty() || row["shader"].get<std::string>().empty()) << row;
            EXPECT_GT(row["bytes"].get<double>(), 0) << row;
            if (!row["ceiling_share"].is_null()) {
                const double arithmetic = row["arithmetic_seconds"].is_null() ? 0.0 : row["arithmetic_seconds"].get<double>();
                const double memory = row["memory_seconds"];
                EXPECT_EQ(row["bound"], arithmetic >= memory ? "arithmetic" : "memory") << row;
                EXPECT_NEAR(row["ceiling_share"].get<double>() * row["median_seconds"].get<double>() / std::max(arithmetic, memory), 1, 1e-9);
            }
        }
        EXPECT_EQ(events, runs);
        EXPECT_NEAR(of_events, of_rows, 1e-9 * double(events) + 1e-9);
        EXPECT_NEAR(of_rows, numbers["dispatch_seconds"].get<double>(), 1e-9);
        const double error = 2 * numbers["clock_error_seconds"].get<double>();
        EXPECT_LE(numbers["dispatch_seconds"].get<double>(), numbers["device_seconds"].get<double>() * 1.0001);
        EXPECT_LE(numbers["device_seconds"].get<double>(), numbers["seconds"].get<double>() + error);
        EXPECT_EQ(numbers["left_out"], 0);
    }
};

TEST_F(ApiProfile, OfPredictions) {
    Model model;
    Predictor predictor;
    ASSERT_OK(lem_model_build(device, "mobilenet_v2", small_options, 1, model.out()));
    ASSERT_OK(lem_predictor_create(model, 2, nullptr, predictor.out()));
    const std::vector<uint8_t> pixels(6 * 64, 100);
    std::vector<float> expected(24), results(24);
    ASSERT_OK(lem_predictor_run(predictor, pixels.data(), 6 * 64, 6, expected.data(), 24));
    ASSERT_OK(lem_device_profile_start(device, nullptr));
    ASSERT_OK(lem_predictor_run(predictor, pixels.data(), 6 * 64, 6, results.data(), 24)); // three batches
    const Json trace = stop();
    EXPECT_EQ(results, expected);
    expect_well_formed(trace);
    expect_agreement(trace);
    const Json& numbers = trace["profile"];
    EXPECT_GT(numbers["ceilings"]["flops_per_second"].get<double>(), 0);
    EXPECT_GT(numbers["ceilings"]["bytes_per_second"].get<double>(), 0);
    EXPECT_EQ(numbers["submissions"], 3);
    bool convolutions = false, layers = true;
    for (const Json& row : numbers["dispatches"]) {
        EXPECT_EQ(row["plan"], "predict");
        EXPECT_EQ(row["phase"], "predict");
        EXPECT_EQ(row["runs"], 3);
        convolutions |= row["operator"] == "conv2d" && row["flops"].get<double>() > 0;
        layers &= row["operator"] != "conv2d" || !row["layer"].get<std::string>().empty();
    }
    EXPECT_TRUE(convolutions);
    EXPECT_TRUE(layers);
}

TEST_F(ApiProfile, OfATrainingStep) {
    Model model;
    Trainer trainer;
    build(model, trainer);
    ASSERT_OK(lem_trainer_step(trainer));
    ASSERT_OK(lem_device_profile_start(device, R"({"ceilings": false})"));
    for (int i = 0; i < 4; ++i) ASSERT_OK(lem_trainer_step(trainer));
    const Json trace = stop(); // waits for the steps
    expect_well_formed(trace);
    expect_agreement(trace);
    EXPECT_TRUE(trace["profile"]["ceilings"]["flops_per_second"].is_null());
    std::map<std::string, double> phases;
    for (const Json& row : trace["profile"]["dispatches"]) {
        EXPECT_EQ(row["runs"], 4);
        EXPECT_TRUE(row["ceiling_share"].is_null());
        phases[row["phase"]] += row["seconds"].get<double>();
        if (row["operator"] == "conv2d_filter_gradient") {
            EXPECT_EQ(row["phase"], "backward");
            EXPECT_FALSE(row["layer"].get<std::string>().empty()) << row;
        }
    }
    EXPECT_EQ(phases.size(), 3u);
    for (const char* phase : {"forward", "backward", "update"}) EXPECT_GT(phases[phase], 0) << phase;
}

TEST_F(ApiProfile, OfSubmissionsAlone) {
    Model model;
    Trainer trainer;
    build(model, trainer);
    ASSERT_OK(lem_device_profile_start(device, R"({"dispatches": false, "ceilings": false})"));
    for (int i = 0; i < 3; ++i) ASSERT_OK(lem_trainer_step(trainer));
    const Json trace = stop();
    expect_well_formed(trace);
    EXPECT_TRUE(trace["profile"]["dispatches"].empty());
    EXPECT_GE(trace["profile"]["submissions"], 3); // one a step: accumulate and update go together
    EXPECT_GT(trace["profile"]["device_seconds"].get<double>(), 0);
}

TEST_F(ApiProfile, Refusals) {
    Text text;
    EXPECT_FAILURE_WITH(lem_device_profile_stop(device, text.out()), LEM_ERROR_INVALID_STATE, " is not being profiled, so there is nothing to stop.");
    EXPECT_EQ(static_cast<lem_text*>(text), nullptr);
    EXPECT_FAILURE(lem_device_profile_start(device, R"({"dispatch": true})"), LEM_ERROR_INVALID_ARGUMENT,
                   "A profile has no attribute \"dispatch\". Did you mean \"dispatches\"?");
    EXPECT_EQ(lem_device_profile_start(device, R"({"dispatches": 3})"), LEM_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(lem_device_profile_start(device, "{"), LEM_ERROR_INVALID_ARGUMENT);
    ASSERT_OK(lem_device_profile_start(device, nullptr));
    EXPECT_FAILURE_WITH(lem_device_profile_start(device, nullptr), LEM_ERROR_INVALID_STATE, " is being profiled already; that must be stopped first.");
    const Json nothing = stop();
    EXPECT_TRUE(nothing["profile"]["dispatches"].empty());
    ASSERT_OK(lem_device_profile_start(device, ""));
    ASSERT_OK(lem_device_close(device));
    EXPECT_FAILURE_WITH(lem_device_profile_start(device, nullptr), LEM_ERROR_DEVICE_CLOSED, " has been closed.");
    EXPECT_FAILURE_WITH(lem_device_profile_stop(device, text.out()), LEM_ERROR_DEVICE_CLOSED, " has been closed.");
}
