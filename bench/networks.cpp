// Whole networks: images a second of inference and of train steps, from pixels in the host's memory to results there. Ratios
// are shares of the best GEMM of the same rounds, with the operations of direct convolutions (2 a multiply-add, three times
// that for a train step), and a train step's time in units of inference of the same batch. Peers take part in the same rounds.
#include "bench/bench.h"

#include <algorithm>
#include <map>

namespace lemnos::bench {

namespace {

// PERFORMANCE: of the best GEMM of the same run, one image at a time.
const std::map<std::string, double> inference_bars{{"MobileNetV2 1.0/224", 0.37}, {"ResNet-18", 0.65}, {"ResNet-50", 0.7}};
constexpr double step_bar = 3.5; // a train step in units of its own inference
constexpr double mobilenet_rate_bar = 5; // images a second, MobileNetV2 1.0/224 at batch 8
constexpr double demo_rate_bar = 500;    // images a second, the Fashion-MNIST demo's network at batch 128
// For guessing how long something will take before it is tried: of the best GEMM, where the network has not been run yet, and a
// train step in units of inference.
constexpr double expected_share = 0.3, expected_step = 4;
constexpr int runs = 5; // of everything: two to warm up, three rounds

class Networks {
  public:
    explicit Networks(Bench& bench) : bench_(bench), gemm_(bench.gemm()) {
        for (int i = 0; i < 5; ++i) gemm_seconds_ = std::min(gemm_seconds_, gemm_.run());
    }
    void measure(const Workload& workload, int64_t batch, bool infers, bool trains);

  private:
    struct Item {
        std::string name; // "inference, batch 8", and of whom where it is a peer
        size_t place;
        double flops;
        bool trains, own;
    };
    void report(const Workload& workload, int64_t batch, const Rounds& rounds, const std::vector<Item>& items);

    Bench& bench_;
    const Bench::Gemm& gemm_;
    double gemm_seconds_ = 1e30;
    std::map<std::string, double> image_seconds_; // of inference, by workload, once it was measured
};

void Networks::measure(const Workload& workload, int64_t batch, bool infers, bool trains) {
    const double macs = double(summarise(workload.build()).macs) * double(batch);
    const std::string prefix = text(workload.label, ", ");
    const auto name_of = [&](bool training) { return text(prefix, training ? "train step" : "inference", ", batch ", batch); };
    const auto known = image_seconds_.find(workload.label);
    const double once = known != image_seconds_.end() ? known->second * double(batch)
                                                      : 2 * macs / gemm_.flops * gemm_seconds_ / expected_share;
    const auto expected = [&](bool training) { return runs * once * (training ? expected_step : 1); };
    if (trains && !bench_.has_time(name_of(true), expected(true) + expected(false))) trains = false;
    infers = infers && (trains || bench_.has_time(name_of(false), expected(false)));
    if (!trains && !infers) return;
    Rounds rounds;
    rounds.add(gemm_.run);
    std::vector<Item> items;
    for (const bool training : {false, true}) {
        if (training && !trains) continue;
        const double flops = 2 * macs * (training ? 3 : 1);
        try {
            items.push_back({name_of(training),
                             rounds.add(training ? training_run(make_trainer(bench_.device, workload, batch))
                                                 : inference_run(bench_.device, workload, batch)),
                             flops, training, true});
        } catch (const Error& error) {
            if (error.code() != ErrorCode::out_of_device_memory) throw;
            bench_.add_missing(name_of(training), error.what());
            continue;
        }
        for (Peer* peer : bench_.peers.all()) {
            std::string reason;
            const std::string name = text(name_of(training), ", ", peer->name());
            const Rounds::Run run = peer->prepare(text(training ? "train " : "infer ", workload.peer, " batch=", batch), reason);
            if (run) items.push_back({name, rounds.add(run), flops, training, false});
            else if (peer->missing().empty()) bench_.add_missing(name, reason);
        }
    }
    rounds.measure(bench_.quick() ? bench_.effort() : Effort{3, 11, 6});
    report(workload, batch, rounds, items);
    for (Peer* peer : bench_.peers.all()) peer->forget();
}

void Networks::report(const Workload& workload, int64_t batch, const Rounds& rounds, const std::vector<Item>& items) {
    const auto own_place = [&](bool trains) -> std::optional<size_t> {
        for (const Item& item : items)
            if (item.own && item.trains == trains) return item.place;
        return {};
    };
    for (const Item& item : items) {
        Row row{.name = item.name, .unit = "images/s"};
        row.value = rounds.figure([&](const Rounds::Round& s) { return double(batch) / s[item.place]; });
        row.note = text(readable(rounds.seconds(item.place).value * 1e3), " ms");
        if (item.own) {
            row.ratio = rounds.figure([&](const Rounds::Round& s) { return item.flops / s[item.place] / (gemm_.flops / s[0]); });
            row.of = "best GEMM";
        } else if (const auto own = own_place(item.trains)) {
            row.ratio = rounds.figure([&](const Rounds::Round& s) { return s[item.place] / s[*own]; });
            row.of = "its time to ours";
        }
        if (!bench_.quick() && item.own && bench_.device->profile().is_cpu) {
            const auto bar = inference_bars.find(workload.label);
            if (!item.trains && batch == 1 && bar != inference_bars.end()) row.bar = bar->second;
            if (item.trains && workload.label == "MobileNetV2 1.0/224" && batch == 8) row.bar = mobilenet_rate_bar;
            if (item.trains && workload.label == "MobileNetV2 0.35/28" && batch == 128) row.bar = demo_rate_bar;
            row.bar_on_value = item.trains;
        }
        bench_.add(std::move(row));
    }
    const auto inference = own_place(false), training = own_place(true);
    if (inference) image_seconds_[workload.label] = rounds.seconds(*inference).value / double(batch);
    if (inference && training) {
        Row row{.name = text(workload.label, ", train step to inference, batch ", batch), .unit = "times"};
        row.value = rounds.figure([&](const Rounds::Round& s) { return s[*training] / s[*inference]; });
        row.lower_is_better = true;
        if (!bench_.quick()) row.bar = step_bar;
        bench_.add(std::move(row));
    }
}

} // namespace

void suite_networks(Bench& bench) {
    Networks networks(bench);
    for (Peer* peer : bench.peers.all())
        if (!peer->missing().empty()) bench.add_missing(peer->library(), peer->missing());
    if (bench.quick()) return networks.measure(workload("MobileNetV2 0.35/28"), 2, true, true);
    // The bars first, then what takes longer.
    for (const Workload& each : workloads()) networks.measure(each, 1, true, false);
    for (const int64_t batch : {8, 32, 128})
        for (const Workload& each : workloads()) networks.measure(each, batch, batch == 8, true);
}

} // namespace lemnos::bench
