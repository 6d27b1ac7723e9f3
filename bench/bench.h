// What all suites share. A suite is a function in a file of its own and a line in suites.def.
#pragma once

#include "bench/peers.h"
#include "bench/report.h"
#include "bench/workloads.h"

namespace lemnos::bench {

struct Options {
    bool quick = false;       // small shapes, few rounds: that everything works
    double time_budget = 600; // seconds a suite may take; what does not fit is left out and says so
    std::string device;       // as Device::open() takes it; empty: LEMNOS_DEVICE or the first
    std::string python;       // of the peers; empty: Debian's, then the path's
    bool peers = true;        // measure other libraries, too
};

class Bench {
  public:
    explicit Bench(Options options);

    const Options options;
    const std::shared_ptr<Device> device;
    Report report;
    Peers peers;

    bool quick() const { return options.quick; }
    // Begins a suite: its rows bear this name, and its time budget starts.
    void begin_suite(const std::string& name);
    void add(Row row); // of this suite
    // A row without a figure.
    void add_missing(const std::string& name, const std::string& reason);
    // True when that many more seconds fit this suite's budget; else there is a row that says so.
    bool has_time(const std::string& name, double seconds);
    Effort effort() const { return options.quick ? Effort{3, 3, 0.2} : Effort{3, 15, 3}; }

    // The best product of this run: chosen once among several, by whatever kernels the library picks for them, and then
    // measured anew in the rounds of whoever is compared with it.
    struct Gemm {
        std::string name;
        double flops = 0;
        Rounds::Run run;
    };
    const Gemm& gemm();

  private:
    std::string suite_;
    double suite_end_ = 0;
    std::optional<Gemm> gemm_;
};

} // namespace lemnos::bench
