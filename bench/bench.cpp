#include "bench/bench.h"

#include <algorithm>

namespace lemnos::bench {

static DeviceOptions device_options(const Options& options) {
    DeviceOptions device;
    device.wanted = options.device;
    return device;
}

Bench::Bench(Options given)
    : options(std::move(given)), device(Device::open(device_options(options))),
      peers(options.peers ? std::vector<std::string>{"pytorch", "onnxruntime", "ncnn"} : std::vector<std::string>{}, options.python,
            !device->profile().is_cpu) {
    report.set_quick(options.quick);
}

void Bench::begin_suite(const std::string& name) {
    suite_ = name;
    suite_end_ = now() + options.time_budget;
}

void Bench::add(Row row) {
    row.suite = suite_;
    report.add(std::move(row));
}

void Bench::add_missing(const std::string& name, const std::string& reason) { add({.name = name, .missing = reason}); }

bool Bench::has_time(const std::string& name, double seconds) {
    if (now() + seconds <= suite_end_) return true;
    const double left = suite_end_ - now();
    const std::string budget = text(" the time budget (", readable(options.time_budget), " s)");
    if (left <= 0) add_missing(name, text("left out:", budget, " is spent"));
    else add_missing(name, text("left out: it would take about ", readable(seconds), " s, and ", readable(left), " of", budget, " are left"));
    return false;
}

// ---- the best product -----------------------------------------------------------------------------------------------

static constexpr double shortest_gemm = 0.05; // seconds

const Bench::Gemm& Bench::gemm() {
    if (gemm_) return *gemm_;
    struct Product {
        int64_t m, n, k;
    };
    std::vector<Product> products{{512, 1024, 512}, {1024, 512, 1024}, {3136, 128, 256}, {784, 512, 512}};
    if (quick()) products = {{128, 256, 128}, {256, 128, 128}};
    else if (!device->profile().is_cpu) products.insert(products.end(), {{4096, 4096, 4096}, {8192, 2048, 2048}});
    Rounds rounds;
    std::vector<Gemm> all;
    const auto add_product = [&](std::string name, const Product& p, std::shared_ptr<Plan> plan) {
        Rounds::Run run = run_of(std::move(plan));
        rounds.add(run);
        all.push_back({std::move(name), 2.0 * double(p.m) * double(p.n) * double(p.k), std::move(run)});
    };
    for (const Product& p : products) {
        add_product(text("linear ", p.m, " x ", p.n, " x ", p.k), p,
                    plan_of(device, "linear", {{DataType::f32, {p.m, p.k}}, {DataType::f32, {p.k, p.n}}}, {}));
        // The same as a pointwise convolution, which may have kernels of its own.
        add_product(text("pointwise ", p.m, " x ", p.n, " x ", p.k), p,
                    plan_of(device, "conv2d", {{DataType::f32, {1, p.m / 8, 8, p.k}}, {DataType::f32, {1, 1, p.k, p.n}}}, {}));
    }
    const auto multiply_adds = plan_of(device, "multiply_add_ceiling", {}, {});
    const size_t ceiling = rounds.add(run_of(multiply_adds));
    const double ceiling_flops = multiply_adds->flops();
    rounds.measure(quick() ? effort() : Effort{5, 25, 6});

    const std::string suite = std::exchange(suite_, "ceilings");
    add({.name = "multiply-adds without loads", .unit = "GFLOP/s",
         .value = rounds.figure([&](const Rounds::Round& s) { return ceiling_flops / s[ceiling] * 1e-9; })});
    size_t best = 0;
    double best_rate = 0;
    for (size_t i = 0; i < all.size(); ++i) {
        const double flops = all[i].flops;
        const Figure rate = rounds.figure([&](const Rounds::Round& s) { return flops / s[i] * 1e-9; });
        add({.name = all[i].name, .unit = "GFLOP/s", .value = rate,
             .ratio = rounds.figure([&](const Rounds::Round& s) { return flops / s[i] / (ceiling_flops / s[ceiling]); }),
             .of = "multiply-adds"});
        if (rate.value > best_rate) best_rate = rate.value, best = i;
    }
    suite_ = suite;
    gemm_ = std::move(all[best]);
    // Beside what lasts longer it runs several times: where others work on the machine, something short may end before it
    // has to share a core, and would be a ceiling that nothing longer can reach.
    const int times = std::clamp(int(shortest_gemm * best_rate * 1e9 / gemm_->flops), 1, 1000);
    gemm_->run = [run = std::move(gemm_->run), times] {
        double seconds = 0;
        for (int i = 0; i < times; ++i) seconds += run();
        return seconds / times;
    };
    return *gemm_;
}

} // namespace lemnos::bench
