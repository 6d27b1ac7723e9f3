#include "train/schedule.h"

#include "support/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace lemnos {

Schedule::Schedule(const std::string& name, Attributes options) : options_(std::move(options)) {
    std::vector<std::string> known;
    for (const ScheduleRule& rule : all_schedules()) {
        known.push_back(rule.name);
        if (name == rule.name) rule_ = &rule;
    }
    if (!rule_) fail(ErrorCode::not_found, "There is no schedule \"", name, "\".", did_you_mean(name, known));
    options_.complete(rule_->options, text("Schedule ", name));
    if (options_.contains("parts")) parts_ = parse_parts(options_.text("parts"));
}

// ---- chains ---------------------------------------------------------------------------------------------------------

static AttributeValue option_value(const std::string& word) {
    if (word == "true" || word == "false") return int64_t(word == "true");
    int64_t whole = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), whole);
    if (error == std::errc() && end == word.data() + word.size()) return whole;
    std::vector<double> numbers;
    for (const std::string& part : split(word, ',')) {
        numbers.push_back(0);
        if (!parse_number(part, numbers.back())) return word;
    }
    return numbers.size() == 1 ? AttributeValue(numbers[0]) : AttributeValue(numbers);
}

// "linear start=0.1 for 500 steps; cosine for 20 epochs; constant"
std::vector<Schedule::Part> Schedule::parse_parts(const std::string& parts) {
    std::vector<Part> result;
    const std::vector<std::string> entries = split(parts, ';');
    for (const std::string& entry : entries) {
        std::vector<std::string> words = words_of(entry);
        const std::string quoted = text("The part \"", entry, "\" of a chain of schedules");
        require(!words.empty(), "A chain of schedules has an empty part (\"", parts, "\").");
        Part part{.length = -1};
        if (words.size() >= 3 && words[words.size() - 3] == "for") {
            const std::string& unit = words.back();
            require(parse_number(words[words.size() - 2], part.length) && part.length > 0 && (unit == "steps" || unit == "epochs"),
                    quoted, " ends in no length (\"for 500 steps\", \"for 2.5 epochs\"; below 1 step a fraction of the training).");
            part.in_epochs = unit == "epochs";
            words.resize(words.size() - 3);
        }
        require(!words.empty(), quoted, " names no schedule.");
        Attributes options;
        for (size_t i = 1; i < words.size(); ++i) {
            const size_t equals = words[i].find('=');
            require(equals != std::string::npos && equals > 0, quoted, " has an option \"", words[i], "\" that is not name=value.");
            options.set(words[i].substr(0, equals), option_value(words[i].substr(equals + 1)));
        }
        part.schedule = std::make_shared<Schedule>(words[0], std::move(options));
        const ScheduleRule& rule = *part.schedule->rule_;
        require(!rule.phases && !rule.adaptive && part.schedule->parts_.empty(), quoted,
                " is no schedule of the rate alone; such parts are not chained.");
        require(part.length > 0 || &entry == &entries.back(), quoted, " has no length (\"for 500 steps\"); only the last part may lack it.");
        result.push_back(std::move(part));
    }
    return result;
}

// Each part sees its own steps and epochs, as if it were the whole training.
double Schedule::chained(const SchedulePoint& point) const {
    SchedulePoint left = point;
    const double steps_per_epoch = double(point.steps) / point.epochs;
    for (const Part& part : parts_) {
        const bool last = &part == &parts_.back();
        const double asked = part.in_epochs ? part.length * steps_per_epoch
                             : part.length < 1 ? part.length * double(point.steps)
                                               : part.length;
        int64_t length = part.length < 0 ? left.steps : std::llround(asked);
        // What lasts beyond the last part keeps its last value.
        if (last) {
            left.steps = std::min(std::max<int64_t>(length, 1), left.steps);
            left.step = std::min(left.step, left.steps - 1);
            length = left.steps;
        }
        length = std::min(length, left.steps);
        const double epochs = double(length) / steps_per_epoch;
        if (left.step < length) return part.schedule->factor({left.step, length, std::min(left.epoch, epochs), epochs});
        left.step -= length;
        left.steps -= length;
        left.epoch -= epochs;
        left.epochs -= epochs;
    }
    return 1;
}

// ---- what a schedule says -------------------------------------------------------------------------------------------

double Schedule::factor(const SchedulePoint& point) const {
    require(point.steps >= 1 && point.step >= 0 && point.step < point.steps && point.epochs > 0, "Step ", point.step,
            " is outside the training (", point.steps, " steps, ", point.epochs, " epochs).");
    if (!parts_.empty()) return chained(point);
    const auto rule = [&](const SchedulePoint& at) { return rule_->factor ? rule_->factor(options_, at) : 1.0; };
    if (!options_.contains("warmup")) return rule(point);
    const double asked = options_.real("warmup");
    require(asked <= double(point.steps), "The warm-up (", asked, " steps) is longer than the training (", point.steps, " steps).");
    const int64_t warmup =
        std::min(point.steps, int64_t(asked < 1 ? std::llround(asked * double(point.steps)) : std::llround(asked)));
    const double epochs = double(warmup) * point.epochs / double(point.steps);
    if (point.step >= warmup)
        return rule({point.step - warmup, point.steps - warmup, std::max(0.0, point.epoch - epochs), point.epochs - epochs});
    const double first = rule({0, std::max<int64_t>(point.steps - warmup, 1), 0, std::max(point.epochs - epochs, 1e-9)});
    return first * double(point.step + 1) / double(warmup + 1);
}

std::vector<SchedulePhase> Schedule::phases(const BatchSettings& settings) const {
    require(settings.batch % settings.micro_batch == 0, "The micro-batch (", settings.micro_batch,
            ") does not divide the batch (", settings.batch, ").");
    if (!rule_->phases) return {{0, settings.epochs, settings.batch, 1}};
    std::vector<SchedulePhase> phases = rule_->phases(options_, settings);
    for (const SchedulePhase& phase : phases)
        require(phase.batch <= settings.examples, "The schedule ", rule_->name, " grows the batch to ", phase.batch,
                " in epoch ", phase.first_epoch, ", and the data set has ", settings.examples, " images.");
    return phases;
}

int64_t largest_batch(const Attributes& options, const BatchSettings& settings) {
    const int64_t asked = options.integer("largest_batch"), micro = settings.micro_batch;
    require(asked % micro == 0, "The micro-batch (", micro, ") does not divide the largest batch (", asked, ").");
    return asked > 0 ? asked : std::max(settings.examples / 10 / micro * micro, micro);
}

} // namespace lemnos
