// The memory of whole networks: what a plan of any built-in one takes for activations and temporaries, beside the least that
// its order of dispatches allows (the bytes that live together).
#include "models/architecture.h"
#include "ops/harness.h"
#include "train/detection_loss.h"
#include "train/trainer.h"

#include <iostream>

namespace lemnos::test {

namespace {

constexpr double most = 1.1; // of the bound

struct Case {
    Graph graph;
    std::vector<Value> results;
};

Case inference(const Architecture& architecture, int64_t batch) {
    Network network = instantiate(architecture, {.batch = batch, .fold = true});
    std::vector<Value> results{network.logits};
    if (network.boxes) results.push_back(network.boxes);
    return {std::move(network.graph), std::move(results)};
}

// Forward and backward as a trainer plans them: gradients and moments have memory of their own.
Case training(const Architecture& architecture, int64_t batch) {
    Network network = instantiate(architecture, {.mode = Mode::training, .batch = batch});
    Graph& graph = network.graph;
    const Value weights = graph.input("weights", {DataType::f32, {batch}});
    Value loss;
    if (architecture.detection) {
        Attributes options;
        options.complete({trainer_options().begin(), trainer_options().end()}, "A test");
        loss = add_detection_loss(network, architecture, weights, 8, options).loss;
    } else {
        const Value labels = graph.input("labels", {DataType::i32, {batch}});
        loss = graph.add("softmax_cross_entropy", {network.logits, labels, weights});
    }
    std::vector<Value> results = gradients(graph, loss, network.parameters);
    results.push_back(loss);
    for (const Network::Moments& moments : network.moments) {
        results.push_back(moments.mean);
        results.push_back(moments.variance);
    }
    return {std::move(graph), std::move(results)};
}

} // namespace

struct Workspace : OpTest {
    void expect_near_the_bound(const std::string& name, const Case& planned) {
        SCOPED_TRACE(name);
        const MemoryEstimate estimate = Plan::estimate(device()->profile(), planned.graph, planned.results);
        const int64_t bound = estimate.liveness_bytes();
        ASSERT_GT(bound, 0);
        const double ratio = double(estimate.workspace_bytes) / double(bound);
        std::cout << name << ": " << estimate.workspace_bytes << " bytes, " << ratio << " of the bound\n";
        EXPECT_GE(ratio, 1);
        EXPECT_LE(ratio, most);
    }
};

TEST_F(Workspace, OfInferenceIsNearTheBound) {
    for (const ArchitectureBuilder& builder : all_architectures()) {
        const Architecture architecture = build_architecture(builder.name, {});
        for (int64_t batch : {1, 8}) expect_near_the_bound(text(builder.name, ", batch ", batch), inference(architecture, batch));
    }
}

TEST_F(Workspace, OfTrainingIsNearTheBound) {
    for (const ArchitectureBuilder& builder : all_architectures())
        expect_near_the_bound(text(builder.name, ", trained in batches of 4"), training(build_architecture(builder.name, {}), 4));
}

} // namespace lemnos::test
