#include "recipe.h"

namespace lemnos::cli {

Json described(const char* kind, const std::string& entry, const std::string& option) {
    for (const Json& each : json([&](lem_text** out) { return lem_options_json(kind, out); }))
        if (each["name"] == entry)
            for (const Json& spec : each["options"])
                if (spec["name"] == option) return spec;
    return nullptr;
}

std::string explained(const char* kind, const char* entry, const char* name) {
    const Json spec = described(kind, entry, name);
    if (!spec.is_object()) return "";
    std::string help = spec["help"], fallback = spec["default"].dump();
    if (spec["default"].is_string()) fallback = spec["default"];
    if (fallback.ends_with(".0")) fallback.resize(fallback.size() - 2);
    if (help.ends_with('.')) help.pop_back();
    return help + " (" + fallback + ").";
}

std::string names_of(const char* kind) {
    std::string names;
    for (const Json& each : json([&](lem_text** out) { return lem_options_json(kind, out); }))
        names += (names.empty() ? "" : ", ") + each["name"].get<std::string>();
    return names;
}

void Recipe::add_to(CLI::App& command, const char* tail_group) {
    const auto trainer_help = [](const char* name) { return explained("trainer", "trainer", name); };
    const auto add = [&](const char* name, auto& value, const char* placeholder, const std::string& help) {
        return add_value(command, "Training", name, value, placeholder, help);
    };
    add("--epochs", epochs, "COUNT", trainer_help("epochs"));
    add("--batch", batch, "COUNT", trainer_help("batch"));
    add("--micro-batch", micro_batch, "COUNT", trainer_help("micro_batch"));
    add("--optimizer", optimizer, "NAME", names_of("optimizer") + " (radam).");
    add("--rate", rate, "RATE", "The learning rate; default: the optimizer's own.");
    add("--momentum", momentum, "FACTOR", "Of sgd, rmsprop, rmsprop_tf and lars (0).");
    add("--weight-decay", weight_decay, "FACTOR", "Weight decay; default: the optimizer's own.");
    add_assignments(command, "--optimizer-option", optimizer_options,
                    "Any other option of the optimizer, for example beta2=0.99; may be repeated.")
        ->group("Training");
    add("--schedule", schedule, "NAME", names_of("schedule") + " (one_cycle).");
    add("--warmup", warmup, "STEPS",
        "Steps in which the rate rises from nothing; below 1: that fraction of the training (0).");
    add_assignments(command, "--schedule-option", schedule_options,
                    "Any other option of the schedule, for example rising=0.2; may be repeated.")
        ->group("Training");
    auto* drop = command.add_flag(
        "--drop-last", drop_tail,
        "Leave out the last images of an epoch when they do not fill a batch (the default).");
    auto* keep = command.add_flag("--keep-tail", keep_tail, "Train on them too, as a smaller batch.");
    drop->group(tail_group)->excludes(keep);
    keep->group(tail_group);
}

Json Recipe::trainer_json() const {
    Json given = Json::object();
    set(given, "epochs", epochs);
    set(given, "batch", batch);
    set(given, "micro_batch", micro_batch);
    if (drop_tail) given["tail"] = "drop";
    if (keep_tail) given["tail"] = "include";
    return given;
}

Json Recipe::optimizer_json() const {
    Json given = Json::object();
    set(given, "rate", rate);
    set(given, "momentum", momentum);
    set(given, "weight_decay", weight_decay);
    add_options(given, optimizer_options);
    return given;
}

Optimizer Recipe::make_optimizer() const {
    Optimizer made;
    check(lem_optimizer_create(optimizer.c_str(), dumped(optimizer_json()).c_str(), made.out()));
    return made;
}

Schedule Recipe::make_schedule() const {
    Json given = Json::object();
    set(given, "warmup", warmup);
    add_options(given, schedule_options);
    Schedule made;
    check(lem_schedule_create(schedule.c_str(), dumped(given).c_str(), made.out()));
    return made;
}

} // namespace lemnos::cli
