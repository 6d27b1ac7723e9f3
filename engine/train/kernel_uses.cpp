#include "train/kernel_uses.h"

#include "models/objects.h"
#include "plan/plan.h"
#include "train/detection_loss.h"
#include "train/predictor.h"
#include "train/trainer.h"

namespace lemnos {

static constexpr int64_t boxes_of_an_image = 16; // a guess; convolutions do not depend on it

KernelUses kernel_uses(const Model& model, int64_t batch, bool training, Precision precision) {
    const Architecture& architecture = model.architecture();
    const DeviceProfile& profile = model.device()->profile();
    require(batch >= 1, "The batch (", batch, ") must be at least 1.");
    require_precision(*model.device(), precision);
    if (!training) {
        Network network = instantiate(
            architecture, {.batch = batch, .pixels = architecture.pixels, .fold = true, .weigh = model.weighs(), .precision = precision});
        if (!architecture.detection) return Plan::estimate(profile, network.graph, {network.logits}).kernels;
        const Objects objects = add_objects(network, architecture, predictor_options_from({}, "The tuner").objects);
        return Plan::estimate(profile, network.graph, {objects.rows}).kernels;
    }
    const int64_t micro_batch = choose_micro_batch(batch, 0, false);
    Network network = instantiate(architecture, {.mode = Mode::training, .batch = micro_batch, .precision = precision});
    Graph& graph = network.graph;
    const Value weights = graph.input("weights", {DataType::f32, {micro_batch}});
    Value loss;
    if (architecture.detection) {
        Attributes options;
        const std::span<const AttributeSpec> specs = trainer_options();
        options.complete({specs.begin(), specs.end()}, "The tuner");
        loss = add_detection_loss(network, architecture, weights, boxes_of_an_image, options).loss;
    } else {
        const Value labels = graph.input("labels", {DataType::i32, {micro_batch}});
        loss = graph.add("softmax_cross_entropy", {network.logits, labels, weights});
        if (network.auxiliary) loss = graph.add("add", {loss, graph.add("softmax_cross_entropy", {network.auxiliary, labels, weights})});
    }
    return Plan::estimate(profile, graph, gradients(graph, loss, network.parameters)).kernels;
}

} // namespace lemnos
