#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lemnos {

static double cosine_between(double from, double to, double progress) {
    return to + (from - to) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

// Smith and Topin, arXiv 1708.07120, as torch.optim.lr_scheduler.OneCycleLR anneals it: up from 1 / start_division to 1,
// then down to 1 / (start_division * end_division), both by cosines.
static double one_cycle(const Attributes& options, const SchedulePoint& point) {
    const double peak = options.real("rising") * double(point.steps) - 1, last = double(point.steps) - 1;
    const double start = 1 / options.real("start_division"), end = start / options.real("end_division");
    const double step = double(point.step);
    if (step <= peak && peak > 0) return cosine_between(start, 1, step / peak);
    return last > peak ? cosine_between(1, end, (step - std::max(peak, 0.0)) / (last - std::max(peak, 0.0))) : end;
}

std::span<const ScheduleRule> all_schedules() {
    static const AttributeSpec warmup = real_attribute(
        "warmup", 0, 0, 1e12, "Steps in which the rate rises linearly; below 1: that fraction of the training.");
    static const std::vector<ScheduleRule> rules{
        {"constant", "The base rate throughout.", {warmup}, [](const Attributes&, const SchedulePoint&) { return 1.0; }},
        {"step", "The rate is multiplied by gamma every so many epochs.",
         {real_attribute("gamma", 0.1, 0, 1, "The factor of each step."),
          real_attribute("epochs", 30, 1e-6, 1e9, "Epochs between steps."), warmup},
         [](const Attributes& options, const SchedulePoint& point) {
             return std::pow(options.real("gamma"), std::floor(point.epoch() / options.real("epochs")));
         }},
        {"exponential", "The rate is multiplied by gamma every so many epochs, in every step a little.",
         {real_attribute("gamma", 0.98, 0, 1, "The factor of one period."),
          real_attribute("epochs", 1, 1e-6, 1e9, "Epochs of one period."),
          boolean_attribute("staircase", false, "Change at the ends of periods only."), warmup},
         [](const Attributes& options, const SchedulePoint& point) {
             const double periods = point.epoch() / options.real("epochs");
             return std::pow(options.real("gamma"), options.boolean("staircase") ? std::floor(periods) : periods);
         }},
        {"cosine", "Half a cosine from the base rate down to a fraction of it (arXiv 1608.03983, without restarts).",
         {real_attribute("end", 0, 0, 1, "The fraction of the base rate at the end."), warmup},
         [](const Attributes& options, const SchedulePoint& point) {
             return cosine_between(1, options.real("end"), point.progress());
         }},
        {"one_cycle", "Up to the base rate and down to nearly nothing (arXiv 1708.07120).",
         {real_attribute("rising", 0.3, 0, 1, "The fraction of the steps in which the rate rises."),
          real_attribute("start_division", 25, 1, 1e12, "It starts at the base rate divided by this."),
          real_attribute("end_division", 1e4, 1, 1e12, "It ends at the first rate divided by this."), warmup},
         one_cycle},
    };
    return rules;
}

Schedule::Schedule(const std::string& name, Attributes options) : options_(std::move(options)) {
    std::vector<std::string> known;
    for (const ScheduleRule& rule : all_schedules()) {
        known.push_back(rule.name);
        if (name == rule.name) rule_ = &rule;
    }
    if (!rule_) fail(ErrorCode::not_found, "There is no schedule \"", name, "\".", did_you_mean(name, known));
    options_.complete(rule_->options, text("Schedule ", name));
}

double Schedule::factor(const SchedulePoint& point) const {
    require(point.steps >= 1 && point.step >= 0 && point.step < point.steps && point.steps_per_epoch >= 1, "Step ", point.step,
            " is outside the training (", point.steps, " steps, ", point.steps_per_epoch, " an epoch).");
    const double asked = options_.real("warmup");
    const int64_t warmup =
        std::min(point.steps, int64_t(asked < 1 ? std::llround(asked * double(point.steps)) : std::llround(asked)));
    if (point.step >= warmup)
        return rule_->factor(options_, {point.step - warmup, point.steps - warmup, point.steps_per_epoch});
    const double first = rule_->factor(options_, {0, std::max<int64_t>(point.steps - warmup, 1), point.steps_per_epoch});
    return first * double(point.step + 1) / double(warmup + 1);
}

std::string Schedule::describe() const { return text(rule_->name, describe_options(options_)); }

} // namespace lemnos
