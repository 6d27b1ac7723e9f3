// Schedules: rules as data. A rule of the rate multiplies the optimizer's base rate by a factor that is a pure function of
// where the training stands. A rule of the batch cuts the training into phases, each with a batch and a factor of its own;
// the noise of its steps is g = rate * N / (batch * (1 - momentum)) (Smith et al., arXiv 1711.00489), and growing the batch
// lowers it as decaying the rate does.
#pragma once

#include "graph/attributes.h"

#include <memory>
#include <span>

namespace lemnos {

// Where a training stands when a step begins.
struct SchedulePoint {
    int64_t step = 0;  // from 0
    int64_t steps = 1; // in all
    double epoch = 0, epochs = 1;
    double progress() const { return steps > 1 ? double(step) / double(steps - 1) : 1.0; } // 0 … 1, the last step is 1
};

// What a rule of the batch knows.
struct BatchSettings {
    int64_t examples = 1, epochs = 1;
    int64_t batch = 1, micro_batch = 1; // the batch that was asked for
    double momentum = 0;
};

struct SchedulePhase {
    int64_t first_epoch = 0, epochs = 0;
    int64_t batch = 0;
    double rate = 1;      // factor of the optimizer's rate
    double momentum = -1; // replaces the optimizer's where it is at least 0
};

struct ScheduleRule {
    const char* name = "";
    const char* summary = "";
    std::vector<AttributeSpec> options;
    double (*factor)(const Attributes& options, const SchedulePoint& point) = nullptr; // null: 1 throughout
    // Null for rules of the rate, whose batch is the one asked for.
    std::vector<SchedulePhase> (*phases)(const Attributes& options, const BatchSettings& settings) = nullptr;
    bool adaptive = false; // the batch grows as the measured noise asks for
};

std::span<const ScheduleRule> all_schedules();

class Schedule {
  public:
    Schedule(const std::string& name, Attributes options);
    const Attributes& options() const { return options_; }
    const char* name() const { return rule_->name; }
    bool adaptive() const { return rule_->adaptive; }
    // Of the rate, warm-up included: the warm-up rises linearly to the rule's first value and the rule follows it.
    double factor(const SchedulePoint& point) const;
    // At least one; together they last `settings.epochs`. Batches are multiples of the micro-batch.
    std::vector<SchedulePhase> phases(const BatchSettings& settings) const;

  private:
    struct Part {
        std::shared_ptr<const Schedule> schedule;
        double length = 0;      // negative: what is left
        bool in_epochs = false; // else steps; below 1: a fraction of the training
    };
    static std::vector<Part> parse_parts(const std::string& parts);
    double chained(const SchedulePoint& point) const;

    const ScheduleRule* rule_ = nullptr;
    Attributes options_;
    std::vector<Part> parts_; // of "chain"
};

// The largest batch of a growing schedule: what was asked for, or a tenth of the data set (a noise scale is meaningful only
// where the batch is small beside it), a multiple of the micro-batch.
int64_t largest_batch(const Attributes& options, const BatchSettings& settings);

} // namespace lemnos
