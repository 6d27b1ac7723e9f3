// What is measured, as things that do it once and say how many seconds it took: plans of one operator by the device's own
// timestamps, whole networks by the clock on the wall.
#pragma once

#include "bench/measure.h"
#include "data/dataset.h"
#include "models/architecture.h"
#include "train/predictor.h"
#include "train/trainer.h"

namespace lemnos::bench {

// Random numbers in -1/2 .. 1/2 (or bytes): what a device computes with may change how fast it is.
void fill_random(Device& device, const BufferView& view, DataType type);
BufferView random_tensor(const std::shared_ptr<Device>& device, const TensorType& type);

// One operator on tensors of its own. `outputs`: how many of its results are kept.
std::shared_ptr<Plan> plan_of(const std::shared_ptr<Device>& device, const std::string& op, const std::vector<TensorType>& inputs,
                              const Attributes& attributes, int outputs = 1);
// Runs it once and adds up what its dispatches took by the device's timestamps.
double device_seconds(Plan& plan);
Rounds::Run run_of(std::shared_ptr<Plan> plan);

// A shader that reads `reads` tensors of so many bytes and writes the first `writes` of them without computing anything.
struct Streams {
    int64_t bytes = 0; // of one tensor
    int reads = 1, writes = 1;
    int64_t moved() const { return bytes * (reads + writes); }
};
// In several forms, as anyone would write it (a vec4 an invocation, which comes first) and as this device moves bytes
// fastest, so that what is compared with the best of them is compared with what can be had.
std::vector<std::shared_ptr<Plan>> stream_plans(const std::shared_ptr<Device>& device, const Streams& streams);

// A network with pictures of noise.
struct Workload {
    std::string label;   // "MobileNetV2 1.0/224"
    std::string network; // as build_architecture() knows it
    Attributes options;
    std::string peer; // the same network in words that peer.py reads: "network=mobilenet_v2 width=1 size=224 channels=3"

    Architecture build() const { return build_architecture(network, options); }
};
const std::vector<Workload>& workloads(); // in the order in which they are measured
const Workload& workload(const std::string& label);

// From pixels in the host's memory to probabilities there.
Rounds::Run inference_run(const std::shared_ptr<Device>& device, const Workload& workload, int64_t batch);

// A trainer of a workload on a data set of noise that has room for a few batches.
std::shared_ptr<Trainer> make_trainer(const std::shared_ptr<Device>& device, const Workload& workload, int64_t batch,
                                      Attributes options = {});
// Whole train steps, from pixels in the host's memory to the updated parameters, and never fewer at a time than last a tenth
// of a second, all in flight at once; the seconds are those of one.
Rounds::Run training_run(std::shared_ptr<Trainer> trainer);
// As the options of trainers name it; false where this library has no such option.
bool trainer_has_option(const std::string& name);

} // namespace lemnos::bench
