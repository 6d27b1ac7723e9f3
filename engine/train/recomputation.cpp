#include "train/recomputation.h"

#include <algorithm>

namespace lemnos {

namespace {

// Values smaller than this share of all are kept: there is nothing to be gained by them.
constexpr int64_t least_share = 1000;
// Parts that the forward pass is cut into, to choose from.
constexpr int64_t numbers_of_parts[] = {2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64};

struct Trial {
    std::vector<bool> again;
    int64_t workspace_bytes = 0;
    double cost = 0;
};

class Planner {
  public:
    Planner(const Graph& forward, const DeviceProfile& profile, const FinishStep& finish)
        : forward_(forward), profile_(profile), finish_(finish), bytes_(forward.nodes().size()),
          cost_(forward.nodes().size()), last_reader_(forward.nodes().size(), -1) {
        whole_ = attempt(std::vector<bool>(bytes_.size()), &cost_);
        measure();
    }

    const Trial& whole() const { return whole_; }

    // Of the choices that keep the limit the one with the least work; empty: none does, and `least` says what the least is.
    std::optional<Trial> choose(int64_t limit, int64_t& least) const {
        std::optional<Trial> best;
        least = whole_.workspace_bytes;
        const auto consider = [&](const std::vector<bool>& again) {
            Trial trial = attempt(again);
            least = std::min(least, trial.workspace_bytes);
            if (trial.workspace_bytes <= limit && (!best || trial.cost < best->cost)) best = std::move(trial);
        };
        consider(light_results());
        for (int64_t parts : numbers_of_parts) consider(all_but_crossings(parts));
        if (best) keep_what_fits(*best, limit);
        return best;
    }

  private:
    Trial attempt(std::vector<bool> again, std::vector<double>* costs = nullptr) const {
        Graph graph = forward_;
        const std::vector<Value> results = finish_(graph, again);
        const MemoryEstimate estimate = Plan::estimate(profile_, graph, results);
        if (costs)
            for (const MemoryEstimate::Step& step : estimate.steps)
                if (size_t(step.node) < costs->size()) (*costs)[size_t(step.node)] += step.cost;
        return {std::move(again), estimate.workspace_bytes, estimate.cost()};
    }

    int32_t source_of(Value value) const { // an alias is what it is another shape of
        while (forward_.node(value.node).op && forward_.node(value.node).op->alias) value = forward_.node(value.node).inputs[0];
        return value.node;
    }

    // What may be dropped, how large it is, until where the forward pass reads it, and what it takes to compute it again.
    void measure() {
        for (int32_t index = 0; index < int32_t(bytes_.size()); ++index) {
            const Node& node = forward_.node(index);
            for (Value input : node.inputs)
                if (input) last_reader_[size_t(source_of(input))] = index;
            if (!node.op || node.op->alias) continue;
            bytes_[size_t(index)] = node.outputs[0].bytes();
            all_bytes_ += bytes_[size_t(index)];
            if (node.op->again) cost_[size_t(index)] = 8 * double(bytes_[size_t(index)]); // one pass that reads and writes
        }
        for (int64_t& bytes : bytes_)
            if (bytes < all_bytes_ / least_share) bytes = 0;
    }

    // Results of little work: of one pass that reads one such tensor and writes one.
    std::vector<bool> light_results() const {
        std::vector<bool> again(bytes_.size());
        for (size_t i = 0; i < again.size(); ++i) {
            const Node& node = forward_.node(int32_t(i));
            again[i] = bytes_[i] > 0 && node.inputs.size() > 0 && (node.op->again || cost_[i] <= 11 * double(bytes_[i]));
        }
        return again;
    }

    // The bytes that are needed after node `index` and made by then.
    std::vector<int64_t> crossings() const {
        std::vector<int64_t> change(bytes_.size() + 1);
        for (size_t i = 0; i < bytes_.size(); ++i)
            if (last_reader_[i] > int32_t(i)) {
                change[i] += bytes_[i];
                change[size_t(last_reader_[i])] -= bytes_[i];
            }
        int64_t sum = 0;
        for (int64_t& bytes : change) bytes = sum += bytes;
        return change;
    }

    std::vector<bool> all_but_crossings(int64_t parts) const {
        const std::vector<int64_t> crossing = crossings();
        std::vector<bool> again(bytes_.size());
        for (size_t i = 0; i < again.size(); ++i) again[i] = bytes_[i] > 0;
        size_t first = 0; // of the current part
        while (first < again.size()) {
            // A part ends where least crosses, in the second half of what it may hold.
            int64_t inside = 0;
            size_t end = again.size();
            for (size_t i = first; i < again.size() && inside <= all_bytes_ / parts; ++i) {
                inside += bytes_[i];
                if (bytes_[i] == 0 || 2 * inside < all_bytes_ / parts) continue;
                if (end == again.size() || crossing[i] <= crossing[end]) end = i;
            }
            if (end == again.size() || inside <= all_bytes_ / parts) { // the last
                for (size_t i = first; i < again.size(); ++i) again[i] = false;
                break;
            }
            for (size_t i = 0; i <= end; ++i)
                if (last_reader_[i] > int32_t(end)) again[i] = false;
            first = end + 1;
        }
        return again;
    }

    // Keeps of what is dropped whatever leaves the step within the limit.
    void keep_what_fits(Trial& trial, int64_t limit) const {
        std::vector<size_t> dropped;
        for (size_t i = 0; i < trial.again.size(); ++i)
            if (trial.again[i]) dropped.push_back(i);
        const auto worth = [&](size_t i) { return cost_[i] / double(bytes_[i]); };
        std::stable_sort(dropped.begin(), dropped.end(), [&](size_t a, size_t b) { return worth(a) > worth(b); });
        keep_range(trial, limit, dropped, 0, dropped.size());
    }

    void keep_range(Trial& trial, int64_t limit, const std::vector<size_t>& dropped, size_t begin, size_t end) const {
        if (begin == end) return;
        std::vector<bool> again = trial.again;
        for (size_t i = begin; i < end; ++i) again[dropped[i]] = false;
        Trial kept = attempt(std::move(again));
        if (kept.workspace_bytes <= limit && kept.cost <= trial.cost) {
            trial = std::move(kept);
        } else if (end - begin > 1) {
            const size_t middle = begin + (end - begin) / 2;
            keep_range(trial, limit, dropped, begin, middle);
            keep_range(trial, limit, dropped, middle, end);
        }
    }

    const Graph& forward_;
    const DeviceProfile& profile_;
    const FinishStep& finish_;
    std::vector<int64_t> bytes_; // of output 0 of each node; 0: it is kept
    std::vector<double> cost_;   // of computing it again
    std::vector<int32_t> last_reader_;
    int64_t all_bytes_ = 0;
    Trial whole_;
};

} // namespace

RecomputationPlan plan_recomputation(const Graph& forward, const DeviceProfile& profile, int64_t limit, const std::string& what,
                                     const FinishStep& finish) {
    const Planner planner(forward, profile, finish);
    const Trial& whole = planner.whole();
    RecomputationPlan plan;
    plan.workspace_bytes = plan.workspace_bytes_without = whole.workspace_bytes;
    if (whole.workspace_bytes <= limit) return plan;
    int64_t least = 0;
    std::optional<Trial> chosen = planner.choose(limit, least);
    if (!chosen)
        fail(ErrorCode::out_of_device_memory, what, " take at least ", least,
             " bytes, with all computed again that is worth it (the memory limit is ", limit, " bytes); smaller ones take less.");
    plan.again = std::move(chosen->again);
    plan.workspace_bytes = chosen->workspace_bytes;
    plan.more_work = chosen->cost / whole.cost - 1;
    return plan;
}

} // namespace lemnos
