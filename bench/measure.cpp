#include "bench/measure.h"

#include "support/error.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace lemnos::bench {

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Between two values where the place is between them.
static double quantile(const std::vector<double>& sorted, double share) {
    const double place = share * double(sorted.size() - 1);
    const auto below = size_t(place);
    const size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (place - double(below)) * (sorted[above] - sorted[below]);
}

Figure figure_of(std::vector<double> values) {
    require(!values.empty(), "A figure needs at least one value (0 were given).");
    std::sort(values.begin(), values.end());
    const double median = quantile(values, 0.5);
    const double width = quantile(values, 0.75) - quantile(values, 0.25);
    return {median, median != 0 ? width / std::fabs(median) : 0};
}

size_t Rounds::add(Run run) {
    runs_.push_back(std::move(run));
    return runs_.size() - 1;
}

void Rounds::measure(const Effort& effort) {
    for (const Run& run : runs_) run();
    const double start = now();
    for (int round = 0; round < effort.most && (round < effort.least || now() - start < effort.seconds); ++round) {
        Round& seconds = rounds_.emplace_back();
        for (const Run& run : runs_) seconds.push_back(run());
    }
}

Figure Rounds::figure(const std::function<double(const Round&)>& of) const {
    std::vector<double> values;
    for (const Round& round : rounds_) values.push_back(of(round));
    return figure_of(std::move(values));
}

Figure Rounds::seconds(size_t place) const {
    return figure([place](const Round& round) { return round[place]; });
}

} // namespace lemnos::bench
