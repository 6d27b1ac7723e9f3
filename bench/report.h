// What a run of the benchmark says: rows, printed as they are measured, and kept as JSON for bench/compare and as Markdown
// for docs/benchmarks.
#pragma once

#include "bench/measure.h"

#include <optional>
#include <string>
#include <vector>

namespace lemnos::bench {

// One figure. Every row has a value; most have a ratio to something that was measured beside it, which is what can be
// compared between machines and days. A row of what could not be measured has a reason instead of both.
struct Row {
    std::string suite, name;
    std::string unit = {};
    Figure value = {};
    std::optional<Figure> ratio = {};
    std::string of = {};          // what the ratio is to: "best GEMM"
    bool lower_is_better = false; // the value and the ratio, both
    // What is to be reached by the ratio, or by the value where there is no ratio or `bar_on_value` says so.
    std::optional<double> bar = {};
    bool bar_on_value = false;
    std::string note = {};
    std::string missing = {};

    bool met() const; // the bar, where there is one
};

// "1.234e+09" never: three to four digits that a person reads.
std::string readable(double value);

class Report {
  public:
    // Where and of what: "CPU", "AMD EPYC, 2 cores".
    void add_fact(const std::string& name, const std::string& value);
    void set_quick(bool quick) { quick_ = quick; }
    void add(Row row); // and prints it
    const std::vector<Row>& rows() const { return rows_; }
    void print_verdicts() const; // every bar that was missed, and how many were met

    void write_json(const std::string& path) const;
    void write_markdown(const std::string& path, const std::string& title, const std::string& command) const;

  private:
    std::vector<std::pair<std::string, std::string>> facts_;
    std::vector<Row> rows_;
    bool quick_ = false;
};

} // namespace lemnos::bench
