// The table of schedules. Names and formulas of the rate are PyTorch's where torch.optim.lr_scheduler has them; those of the
// batch are Smith et al.'s (arXiv 1711.00489, sections 5.1 and 5.2).
#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lemnos {

namespace {

// ---- the rate -------------------------------------------------------------------------------------------------------

double cosine_between(double from, double to, double progress) {
    return to + (from - to) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

double step(const Attributes& options, const SchedulePoint& point) {
    return std::pow(options.real("gamma"), std::floor(point.epoch / options.real("epochs")));
}

// Milestones are epochs, or fractions of the training where all of them are below 1.
double milestone_epoch(const std::vector<double>& milestones, size_t i, double epochs) {
    const bool fractions = std::all_of(milestones.begin(), milestones.end(), [](double at) { return at < 1; });
    return fractions ? milestones[i] * epochs : milestones[i];
}

double multi_step(const Attributes& options, const SchedulePoint& point) {
    const std::vector<double>& milestones = options.reals("milestones");
    int passed = 0;
    for (size_t i = 0; i < milestones.size(); ++i) passed += point.epoch >= milestone_epoch(milestones, i, point.epochs);
    return std::pow(options.real("gamma"), passed);
}

double exponential(const Attributes& options, const SchedulePoint& point) {
    const double periods = point.epoch / options.real("epochs");
    return std::pow(options.real("gamma"), options.boolean("staircase") ? std::floor(periods) : periods);
}

double polynomial(const Attributes& options, const SchedulePoint& point) {
    const double end = options.real("end");
    return end + (1 - end) * std::pow(1 - point.progress(), options.real("power"));
}

// Loshchilov and Hutter, arXiv 1608.03983.
double cosine(const Attributes& options, const SchedulePoint& point) {
    double period = options.real("restart_epochs"), epoch = point.epoch;
    if (period == 0) return cosine_between(1, options.real("end"), point.progress());
    const double growth = options.real("restart_growth");
    while (epoch >= period) {
        epoch -= period;
        period *= growth;
    }
    return cosine_between(1, options.real("end"), epoch / period);
}

// Smith and Topin, arXiv 1708.07120, as torch.optim.lr_scheduler.OneCycleLR anneals it: up from 1 / start_division to 1,
// then down to 1 / (start_division * end_division), both by cosines.
double one_cycle(const Attributes& options, const SchedulePoint& point) {
    const double peak = options.real("rising") * double(point.steps) - 1, last = double(point.steps) - 1;
    const double start = 1 / options.real("start_division"), end = start / options.real("end_division");
    const double step = double(point.step);
    if (step <= peak && peak > 0) return cosine_between(start, 1, step / peak);
    return last > std::max(peak, 0.0) ? cosine_between(1, end, (step - std::max(peak, 0.0)) / (last - std::max(peak, 0.0))) : end;
}

double linear(const Attributes& options, const SchedulePoint& point) {
    const double start = options.real("start"), end = options.real("end");
    return start + (end - start) * double(point.step) / double(point.steps);
}

// Ma and Yarats, arXiv 1910.04209; t counts from 1.
double untuned_linear(const Attributes& options, const SchedulePoint& point) {
    return std::min(1.0, (1 - options.real("beta2")) / 2 * double(point.step + 1));
}
double untuned_exponential(const Attributes& options, const SchedulePoint& point) {
    return -std::expm1(-(1 - options.real("beta2")) * double(point.step + 1));
}

// ---- the batch ------------------------------------------------------------------------------------------------------

// Cuts the noise by `factor` at each milestone: the first `growing` times by growing the batch up to the largest, and by the
// rate for what is left, so that rate * (batch' / batch) / factor keeps the noise exact.
std::vector<SchedulePhase> cut_noise(const Attributes& options, const BatchSettings& settings, int growing, int64_t largest,
                                     SchedulePhase phase) {
    const std::vector<double>& milestones = options.reals("milestones");
    const double factor = options.real("factor");
    std::vector<SchedulePhase> phases;
    for (size_t i = 0; i <= milestones.size(); ++i) {
        const int64_t end = i < milestones.size()
                                ? std::llround(milestone_epoch(milestones, i, double(settings.epochs)))
                                : settings.epochs;
        require(end >= phase.first_epoch, "The milestones of a schedule must rise (epoch ", end, " follows epoch ",
                phase.first_epoch, ").");
        phase.epochs = std::min(end, settings.epochs) - phase.first_epoch;
        if (phase.epochs > 0) phases.push_back(phase);
        phase.first_epoch += phase.epochs;
        const double wanted = int(i) < growing ? std::min(double(phase.batch) * factor, double(largest)) : double(phase.batch);
        const int64_t batch = int64_t(std::floor(wanted / double(settings.micro_batch) + 1e-9)) * settings.micro_batch;
        phase.rate *= double(batch) / double(phase.batch) / factor;
        if (batch == 0 && phase.first_epoch < settings.epochs)
            fail(ErrorCode::invalid_argument, "The schedule shrinks the batch from ", phase.batch, " to ", int64_t(wanted),
                 " in epoch ", phase.first_epoch, ", below one micro-batch (", settings.micro_batch, ").");
        phase.batch = std::max(batch, settings.micro_batch);
    }
    return phases;
}

std::vector<SchedulePhase> decay_rate(const Attributes& options, const BatchSettings& settings) {
    return cut_noise(options, settings, 0, settings.batch, {.batch = settings.batch});
}

std::vector<SchedulePhase> hybrid(const Attributes& options, const BatchSettings& settings) {
    const auto once = int(options.integer("growths"));
    return cut_noise(options, settings, once, settings.examples / settings.micro_batch * settings.micro_batch,
                     {.batch = settings.batch});
}

// The first batch is `initial` times the one asked for at `initial` times the rate, and grows once more with the momentum.
std::vector<SchedulePhase> grow_batch(const Attributes& options, const BatchSettings& settings) {
    SchedulePhase first{.batch = settings.batch};
    double growth = 1;
    if (options.contains("initial")) {
        first.rate = options.real("initial");
        growth = first.rate;
    }
    if (options.contains("momentum")) {
        first.momentum = options.real("momentum");
        require(settings.momentum > 0, "A schedule that raises the momentum needs an optimizer that has one (its momentum is ",
                settings.momentum, ").");
        growth *= (1 - settings.momentum) / (1 - first.momentum);
    }
    const double wanted = double(settings.batch) * growth, micro = double(settings.micro_batch);
    first.batch = std::max<int64_t>(1, std::llround(wanted / micro)) * settings.micro_batch;
    first.rate *= double(first.batch) / wanted;
    int64_t largest = largest_batch(options, settings);
    if (options.integer("largest_batch") == 0) largest = std::max(largest, first.batch);
    require(largest >= first.batch, "The largest batch (", largest, ") is below the first (", first.batch, ").");
    return cut_noise(options, settings, 1 << 20, largest, first);
}

// ---- the table ------------------------------------------------------------------------------------------------------

AttributeSpec milestones(std::vector<double> fallback) {
    return reals_attribute("milestones", std::move(fallback), -1,
                           "Epochs at which it changes; fractions of the training where all are below 1.", 0, 1e9);
}
AttributeSpec noise_factor() {
    return real_attribute("factor", 5, 1e-3, 1e6, "The noise is divided by it at each milestone.");
}
AttributeSpec largest() {
    return integer_attribute("largest_batch", 0, 0, INT32_MAX,
                             "From there on the rate decays instead; 0: a tenth of the data set.");
}
AttributeSpec end_option() { return real_attribute("end", 0, 0, 1, "The fraction of the base rate at the end."); }
AttributeSpec gamma(double fallback) { return real_attribute("gamma", fallback, 0, 1, "The factor of each step."); }
AttributeSpec beta2() {
    return below(real_attribute("beta2", 0.999, 0, 1, "The optimizer's; the warm-up lasts about 2 / (1 - beta2) steps."));
}

std::vector<ScheduleRule> make_rules() {
    const AttributeSpec warmup = real_attribute(
        "warmup", 0, 0, 1e12, "Steps in which the rate rises linearly; below 1: that fraction of the training.");
    const AttributeSpec initial = real_attribute("initial", 5, 1, 1e6, "Factor of the first batch and the first rate.");
    return {
        {"constant", "The base rate throughout.", {warmup}},
        {"step", "The rate is multiplied by gamma every so many epochs.",
         {gamma(0.1), real_attribute("epochs", 30, 1e-6, 1e9, "Epochs between steps."), warmup}, step},
        {"multi_step", "The rate is multiplied by gamma at each milestone.", {milestones({0.3, 0.6, 0.8}), gamma(0.1), warmup},
         multi_step},
        {"exponential", "The rate is multiplied by gamma every so many epochs, in every step a little.",
         {gamma(0.98), real_attribute("epochs", 1, 1e-6, 1e9, "Epochs of one period."),
          boolean_attribute("staircase", false, "Change at the ends of periods only."), warmup},
         exponential},
        {"polynomial", "From the base rate down to a fraction of it by a power of what is left.",
         {real_attribute("power", 1, 1e-3, 1e3, "1 falls in a line."), end_option(), warmup}, polynomial},
        {"cosine", "Half a cosine from the base rate down to a fraction of it, with restarts where asked (arXiv 1608.03983).",
         {end_option(), real_attribute("restart_epochs", 0, 0, 1e9, "Epochs of the first period; 0: the whole training."),
          real_attribute("restart_growth", 1, 1, 1e3, "Each period is so many times as long as the one before."), warmup},
         cosine},
        {"one_cycle", "Up to the base rate and down to nearly nothing (arXiv 1708.07120).",
         {real_attribute("rising", 0.3, 0, 1, "The fraction of the steps in which the rate rises."),
          real_attribute("start_division", 25, 1, 1e12, "It starts at the base rate divided by this."),
          real_attribute("end_division", 1e4, 1, 1e12, "It ends at the first rate divided by this."), warmup},
         one_cycle},
        {"linear", "In a line from one fraction of the base rate to another: a warm-up in a chain.",
         {real_attribute("start", 0, 0, 1e6, "The first fraction."),
          real_attribute("end", 1, 0, 1e6, "The fraction reached when it is over.")},
         linear},
        {"untuned_linear", "Adam's warm-up that needs no tuning: min(1, (1 - beta2) t / 2) (arXiv 1910.04209).", {beta2()},
         untuned_linear},
        {"untuned_exponential", "Adam's warm-up that needs no tuning: 1 - exp(-(1 - beta2) t) (arXiv 1910.04209).", {beta2()},
         untuned_exponential},
        {"chain", "Schedules of the rate one after the other, each as if it were the whole training.",
         {required(text_attribute("parts", "", "\"linear start=0.1 for 500 steps; cosine for 20 epochs; constant\"."))}},
        {"decay_rate", "The rate is divided by a factor at each milestone, the batch stays (arXiv 1711.00489).",
         {milestones({0.3, 0.6, 0.8}), noise_factor(), warmup}, nullptr, decay_rate},
        {"grow_batch", "The batch grows instead, up to the largest; then the rate decays (arXiv 1711.00489).",
         {milestones({0.3, 0.6, 0.8}), noise_factor(), largest(), warmup}, nullptr, grow_batch},
        {"hybrid", "The batch grows a few times, then the rate decays (arXiv 1711.00489).",
         {milestones({0.3, 0.6, 0.8}), noise_factor(), integer_attribute("growths", 1, 0, 1000, "Milestones at which the batch grows."),
          warmup},
         nullptr, hybrid},
        {"increase_rate", "grow_batch from a higher rate and batch (arXiv 1711.00489, section 5.2).",
         {milestones({0.3, 0.6, 0.8}), noise_factor(), largest(), initial, warmup}, nullptr, grow_batch},
        {"increase_momentum", "increase_rate, and the batch grows with a higher momentum (arXiv 1711.00489, section 5.2).",
         {milestones({0.3, 0.6, 0.8}), noise_factor(), largest(), initial,
          below(real_attribute("momentum", 0.98, 0, 1, "Replaces the optimizer's.")), warmup},
         nullptr, grow_batch},
        {"adaptive", "The batch grows as the measured noise of the gradient asks for, up to the largest; then the rate decays.",
         {real_attribute("noise", 1, 1e-6, 1e6,
                         "What is held: the variance of the batch's gradient over the square of its mean (arXiv 1812.06162)."),
          integer_attribute("interval", 50, 1, 1000000000, "Steps between decisions."),
          below(real_attribute("smoothing", 0.95, 0, 1, "Decay of the means of what is measured.")), largest(), warmup},
         nullptr, nullptr, true},
    };
}

} // namespace

std::span<const ScheduleRule> all_schedules() {
    static const std::vector<ScheduleRule> rules = make_rules();
    return rules;
}

} // namespace lemnos
