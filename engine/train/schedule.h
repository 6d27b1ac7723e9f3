// Learning-rate schedules: rules as data. A schedule multiplies the optimizer's base rate by a factor that is a pure
// function of the step.
#pragma once

#include "graph/attributes.h"

#include <span>

namespace lemnos {

// Where a training stands when a step begins.
struct SchedulePoint {
    int64_t step = 0;  // from 0
    int64_t steps = 1; // in all
    int64_t steps_per_epoch = 1;
    double epoch() const { return double(step) / double(steps_per_epoch); }
    double progress() const { return steps > 1 ? double(step) / double(steps - 1) : 1.0; } // 0 … 1, the last step is 1
};

struct ScheduleRule {
    const char* name = "";
    const char* summary = "";
    std::vector<AttributeSpec> options;
    double (*factor)(const Attributes& options, const SchedulePoint& point) = nullptr;
};

std::span<const ScheduleRule> all_schedules();

class Schedule {
  public:
    Schedule(const std::string& name, Attributes options);
    // The factor, warm-up included: the warm-up rises linearly to the rule's first value and the rule follows it.
    double factor(const SchedulePoint& point) const;
    std::string describe() const;

  private:
    const ScheduleRule* rule_ = nullptr;
    Attributes options_;
};

} // namespace lemnos
