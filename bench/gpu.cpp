// What a GPU is bought for, beside PyTorch on the same card in the same rounds: training in mixed precision, products of f16,
// an optimizer's bytes a second beside the card's own copies, and small networks, whose steps are over before a framework
// has launched the next kernel. What the library, the card or PyTorch does not offer is named. On other devices the same rows
// are measured without bars, which are those of an H100.
#include "bench/bench.h"
#include "bench/optimizer_plans.h"

#include "vulkan/commands.h"

namespace lemnos::bench {

namespace {

constexpr double training_bar = 1;      // of PyTorch eager with channels_last and automatic mixed precision
constexpr double product_bar = 150;     // TFLOP/s, f16, 4096 x 4096 x 4096
constexpr double optimizer_bar = 0.9;   // of the bandwidth of copies
constexpr double small_network_bar = 5; // of PyTorch eager

bool has_bars(const Bench& bench) { return !bench.quick() && !bench.device->profile().is_cpu; }

// Ours and PyTorch's in the same rounds, as how often a second.
void measure_beside(Bench& bench, const std::string& name, const std::string& unit, double each, const Rounds::Run& own,
                    const std::string& work, std::optional<double> bar) {
    Rounds rounds;
    rounds.add(own);
    std::string reason = "other libraries were not asked for";
    const Rounds::Run peer = bench.options.peers ? bench.peers.pytorch().prepare(work, reason) : nullptr;
    if (peer) rounds.add(peer);
    rounds.measure(bench.quick() ? bench.effort() : Effort{5, 25, 8});
    Row row{.name = name, .unit = unit};
    row.value = rounds.figure([&](const Rounds::Round& s) { return each / s[0]; });
    if (peer) {
        row.ratio = rounds.figure([](const Rounds::Round& s) { return s[1] / s[0]; });
        row.of = "PyTorch";
        row.note = text("PyTorch: ", readable(rounds.figure([&](const Rounds::Round& s) { return each / s[1]; }).value), " ", unit);
        if (has_bars(bench)) row.bar = bar;
    }
    bench.add(std::move(row));
    if (!peer) bench.add_missing(name + ", PyTorch", reason);
    if (bench.options.peers) bench.peers.pytorch().forget();
}

void measure_mixed_training(Bench& bench, const Workload& workload, int64_t batch) {
    const std::string name = text(workload.label, ", training in mixed precision, batch ", batch);
    if (!trainer_has_option("precision")) return bench.add_missing(name, "trainers of this library have no option \"precision\"");
    try {
        const auto trainer = make_trainer(bench.device, workload, batch, {{"precision", std::string("mixed")}});
        measure_beside(bench, name, "images/s", double(batch), training_run(trainer),
                       text("train ", workload.peer, " batch=", batch, " precision=mixed"), training_bar);
    } catch (const Error& error) {
        bench.add_missing(name, error.what());
    }
}

void measure_product(Bench& bench, int64_t size) {
    const std::string name = text("product of f16, ", size, " x ", size, " x ", size);
    std::shared_ptr<Plan> plan;
    try {
        plan = plan_of(bench.device, "linear", {{DataType::f16, {size, size}}, {DataType::f16, {size, size}}}, {});
    } catch (const Error& error) {
        return bench.add_missing(name, text("the operator linear refuses it: ", error.what()));
    }
    const double flops = 2 * double(size) * double(size) * double(size);
    Rounds rounds;
    rounds.add(run_of(plan));
    std::string reason;
    const Rounds::Run peer =
        bench.options.peers ? bench.peers.pytorch().prepare(text("product size=", size, " precision=f16"), reason) : nullptr;
    if (peer) rounds.add(peer);
    rounds.measure(bench.effort());
    Row row{.name = name, .unit = "TFLOP/s"};
    row.value = rounds.figure([&](const Rounds::Round& s) { return flops / s[0] * 1e-12; });
    if (peer) {
        row.ratio = rounds.figure([](const Rounds::Round& s) { return s[1] / s[0]; });
        row.of = "PyTorch";
    }
    if (has_bars(bench)) row.bar = product_bar;
    row.bar_on_value = true;
    bench.add(std::move(row));
    if (bench.options.peers) bench.peers.pytorch().forget();
}

// Copies from one buffer to another by the device's own command, which bytes go both ways for.
class Copies {
  public:
    Copies(std::shared_ptr<Device> device, int64_t bytes)
        : device_(std::move(device)), pool_(*device_), from_(random_tensor(device_, {DataType::f32, {bytes / 4}})),
          to_(random_tensor(device_, {DataType::f32, {bytes / 4}})), commands_(pool_.allocate()) {
        CommandRecorder recorder(*device_, commands_, true);
        for (int i = 0; i < count; ++i) {
            recorder.copy(*from_.buffer, 0, *to_.buffer, 0, from_.bytes);
            recorder.barrier();
        }
        recorder.finish();
    }
    double seconds() { // of one copy
        const double start = now();
        device_->wait(device_->submit({&commands_, 1}, "copies"));
        return (now() - start) / count;
    }

  private:
    static constexpr int count = 20; // so that what a submission costs does not count
    std::shared_ptr<Device> device_;
    CommandPool pool_;
    BufferView from_, to_;
    VkCommandBuffer commands_;
};

void measure_optimizer(Bench& bench, int64_t parameters) {
    const auto copies = std::make_shared<Copies>(bench.device, parameters * 4);
    for (const OptimizerCase& each : optimizer_cases()) {
        if (std::string(each.label) != "adamw" && std::string(each.label) != "sgd, momentum") continue;
        Rounds rounds;
        rounds.add(run_of(optimizer_plan(bench.device, Optimizer(each.optimizer, each.options), parameters, 1)));
        rounds.add([copies] { return copies->seconds(); });
        rounds.measure(bench.effort());
        const double bytes = double(parameters) * each.bytes, copied = double(parameters) * 8;
        Row row{.name = text(each.label, ", ", parameters, " parameters"), .unit = "GB/s"};
        row.value = rounds.figure([&](const Rounds::Round& s) { return bytes / s[0] * 1e-9; });
        row.ratio = rounds.figure([&](const Rounds::Round& s) { return bytes / s[0] / (copied / s[1]); });
        row.of = "device copies";
        if (has_bars(bench)) row.bar = optimizer_bar;
        bench.add(std::move(row));
    }
}

} // namespace

void suite_gpu(Bench& bench) {
    const Workload& small = workload("MobileNetV2 0.35/28");
    if (bench.quick()) {
        measure_mixed_training(bench, small, 4);
        measure_product(bench, 256);
        measure_optimizer(bench, int64_t(1) << 18);
        return measure_beside(bench, text(small.label, ", train steps, batch 4"), "steps/s", 1,
                              training_run(make_trainer(bench.device, small, 4)), text("train ", small.peer, " batch=4"), small_network_bar);
    }
    for (const char* label : {"MobileNetV2 1.0/224", "ResNet-50"})
        if (bench.has_time(label, 0)) measure_mixed_training(bench, workload(label), 64);
    measure_product(bench, bench.device->profile().is_cpu ? 1024 : 4096);
    measure_optimizer(bench, bench.device->profile().is_cpu ? int64_t(1) << 24 : int64_t(1) << 26);
    const Workload small32{"MobileNetV2 0.35/32", "mobilenet_v2", {{"preset", std::string("small32")}, {"width", 0.35}, {"classes", int64_t(10)}},
                           "network=mobilenet_v2 preset=small32 width=0.35 size=32 channels=3 classes=10"};
    for (const Workload& each : {small32, workload("WRN-16-4")}) {
        const std::string name = text(each.label, ", train steps, batch 128");
        if (!bench.has_time(name, bench.device->profile().is_cpu ? 120 : 0)) continue;
        measure_beside(bench, name, "steps/s", 1, training_run(make_trainer(bench.device, each, 128)), text("train ", each.peer, " batch=128"),
                       small_network_bar);
    }
}

} // namespace lemnos::bench
