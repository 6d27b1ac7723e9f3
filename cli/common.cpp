#include "command.h"

namespace lemnos::cli {

void misused(const CLI::App& command, const std::string& sentence) {
    const std::string name = command.get_parent() ? "lemnos " + command.get_name() : command.get_name();
    throw Failure(sentence + "\nTry \"" + name + " --help\".", 2);
}

void add_device_option(CLI::App& command, std::string& device) {
    command
        .add_option("--device", device,
                    "A device by its number, its UUID or a part of its name; default: "
                    "$LEMNOS_DEVICE, else the first that \"lemnos devices\" lists.")
        ->option_text("NAME");
}

Json option_value(const std::string& value) {
    const Json parsed = Json::parse(value, nullptr, false);
    return parsed.is_discarded() || parsed.is_object() || parsed.is_null() ? Json(value) : parsed;
}

CLI::Option* add_assignments(CLI::App& command, const char* name, std::vector<std::string>& values,
                             const std::string& help) {
    const auto check = [&command, name](const std::string& value) {
        const size_t equals = value.find('=');
        if (equals == std::string::npos || equals == 0)
            misused(command,
                    std::string("The option ") + name + " takes name=value (\"" + value + "\" was given).");
        return std::string();
    };
    return command.add_option(name, values, help)
        ->option_text("NAME=VALUE")
        ->expected(1)
        ->take_all()
        ->check(check);
}

void add_options(Json& options, const std::vector<std::string>& assignments) {
    for (const std::string& assignment : assignments) {
        const size_t equals = assignment.find('=');
        options[assignment.substr(0, equals)] = option_value(assignment.substr(equals + 1));
    }
}

void ModelOptions::add_to(CLI::App& command) {
    command.add_option("--width", width, "Width multiplier of every layer's channels (1).")
        ->option_text("FACTOR")
        ->group("Model");
    command
        .add_option("--resolution", resolution,
                    "Height and width of the input; default: what the data or the preset has.")
        ->option_text("PIXELS")
        ->group("Model");
    command
        .add_option("--preset", preset,
                    "A form of the model for a size of images: imagenet, small28, small32, small64.")
        ->option_text("NAME")
        ->group("Model");
    add_assignments(command, "--option", more,
                    "Any other option of the model, for example dropout=0.1; may be repeated.")
        ->group("Model");
}

Json ModelOptions::json() const {
    Json options = Json::object();
    if (width) options["width"] = *width;
    if (resolution) options["resolution"] = *resolution;
    if (!preset.empty()) options["preset"] = preset;
    add_options(options, more);
    return options;
}

DatasetInfo info_of(lem_dataset* dataset) {
    const Json info = json([&](lem_text** out) { return lem_dataset_info_json(dataset, out); });
    return {info["size"],     info["height"],  info["width"],
            info["channels"], info["classes"], info["class_names"]};
}

ModelInfo info_of(lem_model* model) {
    const Json info = json([&](lem_text** out) { return lem_model_summary_json(model, out); });
    return {info["name"],    info["input"][0],   info["input"][1], info["input"][2],
            info["classes"], info["parameters"], info["macs"],     info["class_names"]};
}

Dataset open_dataset_for(const ModelInfo& model, const std::string& path, const std::string& split) {
    const Json options{{"height", model.height}, {"width", model.width}, {"channels", model.channels}};
    Dataset dataset;
    check(lem_dataset_open(path.c_str(), split.c_str(), options.dump().c_str(), dataset.out()));
    return dataset;
}

} // namespace lemnos::cli
