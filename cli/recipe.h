// How a model is trained: the options that "train" and "schedule" share, and the library's view of them.
#pragma once

#include "command.h"

#include <limits>
#include <type_traits>

namespace lemnos::cli {

// Adds an option whose value is checked by its type.
template <typename Value>
CLI::Option* add_value(CLI::App& command, const char* group, const char* name, Value& value, const char* placeholder,
                       const std::string& help) {
    CLI::Option* option = command.add_option(name, value, help)->option_text(placeholder)->group(group);
    if constexpr (std::is_same_v<Value, std::optional<double>>) need_number(command, option);
    if constexpr (std::is_same_v<Value, std::optional<int64_t>>)
        need_whole_number(command, option, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max());
    if constexpr (std::is_same_v<Value, std::optional<int>>)
        need_whole_number(command, option, 0, std::numeric_limits<int>::max());
    if constexpr (std::is_same_v<Value, int64_t>) // steps or epochs between two of something
        need_whole_number(command, option, 0, std::numeric_limits<int64_t>::max());
    return option;
}

template <typename Value>
void set(Json& options, const char* name, const std::optional<Value>& value) {
    if (value) options[name] = *value;
}

// One entry of lem_options_json, or null.
Json described(const char* kind, const std::string& entry, const std::string& option);
// What the library says about one of its options, with its default.
std::string explained(const char* kind, const char* entry, const char* name);
std::string names_of(const char* kind);

struct Recipe {
    std::optional<int64_t> epochs, batch, micro_batch;
    std::string optimizer = "radam", schedule = "one_cycle";
    std::optional<double> rate, weight_decay, momentum, warmup;
    std::vector<std::string> optimizer_options, schedule_options;
    bool drop_tail = false, keep_tail = false;

    void add_to(CLI::App& command, const char* tail_group);
    Json trainer_json() const; // epochs, batch, micro_batch, tail
    Json optimizer_json() const;
    Optimizer make_optimizer() const;
    Schedule make_schedule() const;
};

} // namespace lemnos::cli
