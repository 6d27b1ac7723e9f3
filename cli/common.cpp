#include "command.h"
#include "text.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

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

[[noreturn]] static void refuse_number(const CLI::App& command, const CLI::Option* option,
                                       const std::string& value, const char* needed) {
    misused(command,
            "The option " + option->get_name() + " needs " + needed + " (\"" + value + "\" was given).");
}

void need_number(const CLI::App& command, CLI::Option* option) {
    option->check([&command, option](const std::string& value) {
        double number = 0;
        if (!CLI::detail::lexical_cast(value, number)) refuse_number(command, option, value, "a number");
        if (!std::isfinite(number)) refuse_number(command, option, value, "a finite number");
        return std::string();
    });
}

void need_whole_number(const CLI::App& command, CLI::Option* option, int64_t least, int64_t most) {
    option->check([=, &command](const std::string& value) {
        int64_t number = 0;
        long double exact = 0; // has all digits of 64 bits, and room for more
        if (!CLI::detail::lexical_cast(value, number) || !CLI::detail::lexical_cast(value, exact))
            refuse_number(command, option, value, "a whole number");
        if (number < least || number > most || exact != static_cast<long double>(number))
            misused(command, "The option " + option->get_name() + " (" + value + ") is out of range (" +
                                 std::to_string(least) + " to " + std::to_string(most) + ").");
        return std::string();
    });
}

void need_bytes(const CLI::App& command, const char* option, const std::string& given) {
    if (!given.empty() && bytes_from(given) < 1)
        misused(command, std::string("The option ") + option + " (" + given +
                             ") is no number of bytes such as 3000000, 3M or 2.5MiB.");
}

std::string dumped(const Json& options) {
    try {
        return options.dump();
    } catch (const Json::type_error&) {
        throw Failure("The options " + options.dump(-1, ' ', false, Json::error_handler_t::replace) +
                      " are not UTF-8.");
    }
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
    need_number(command,
                command.add_option("--width", width, "Width multiplier of every layer's channels (1).")
                    ->option_text("FACTOR")
                    ->group("Model"));
    need_whole_number(
        command,
        command
            .add_option("--resolution", resolution,
                        "Height and width of the input; default: what the data or the preset has.")
            ->option_text("PIXELS")
            ->group("Model"),
        0, largest_side);
    command
        .add_option("--preset", preset,
                    "A form of the model for a size of images: imagenet, small28, small32, small64.")
        ->option_text("NAME")
        ->group("Model");
    command
        .add_option("--norm", norm,
                    "The normaliser: batch, ghost:32, group:32, batch-group:2x32, instance or layer (batch).")
        ->option_text("KIND")
        ->group("Model");
    add_assignments(command, "--option", more,
                    "Any other option of the model, for example dropout=0.1; may be repeated.")
        ->group("Model");
}

void ModelOptions::add_without_data_to(CLI::App& command) {
    add_to(command);
    const auto add_count = [&](const char* name, std::optional<int>& value, const char* help) {
        need_whole_number(command, command.add_option(name, value, help)->option_text("COUNT")->group("Model"), 1, INT32_MAX);
    };
    add_count("--classes", classes, "Classes; default: the architecture's.");
    add_count("--channels", channels, "Channels of the input; default: the architecture's.");
}

Json ModelOptions::json() const {
    Json options = Json::object();
    if (width) options["width"] = *width;
    if (resolution) options["resolution"] = *resolution;
    if (classes) options["classes"] = *classes;
    if (channels) options["channels"] = *channels;
    if (!preset.empty()) options["preset"] = preset;
    if (!norm.empty()) options["norm"] = norm;
    add_options(options, more);
    return options;
}

Model named_model(lem_device* device, const std::string& name, const Json& options) {
    Model model;
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(name, ignored)) {
        check(lem_model_build(device, name.c_str(), dumped(options).c_str(), 1, model.out()));
        return model;
    }
    if (!options.empty())
        throw Failure("The model of the file \"" + name + "\" is as it is; options of an architecture cannot change it.", 2);
    check(lem_model_load(device, name.c_str(), model.out()));
    return model;
}

DatasetInfo info_of(lem_dataset* dataset) {
    const Json info = json([&](lem_text** out) { return lem_dataset_info_json(dataset, out); });
    DatasetInfo result{info["size"],     info["height"],  info["width"],
                       info["channels"], info["classes"], info["class_names"], info["task"] == "detect", info["boxes"], {}};
    const Json& skipped = info["skipped"];
    const int64_t images = skipped["images"], boxes = skipped["boxes"];
    if (images + boxes > 0) {
        result.skipped.push_back(thousands(images) + (images == 1 ? " image and " : " images and ") + thousands(boxes) +
                                 (boxes == 1 ? " box." : " boxes."));
        for (const Json& sentence : skipped["first"]) result.skipped.push_back(sentence);
    }
    return result;
}

ModelInfo info_of(lem_model* model) {
    const Json info = json([&](lem_text** out) { return lem_model_summary_json(model, out); });
    return {info["name"],    info["input"][0],   info["input"][1], info["input"][2],
            info["classes"], info["parameters"], info["macs"],     info["class_names"],
            info["task"] == "detect"};
}

void add_precision_option(CLI::App& command, std::string& precision) {
    command.add_option("--precision", precision, "f32 or mixed: activations as f16, at half the size (f32).")->option_text("NAME");
}

// What a predictor gives of every image, measured as the library does.
static Json measure_predictions(lem_model* model, lem_dataset* dataset, int batch, const std::string& precision) {
    const auto start = std::chrono::steady_clock::now();
    const ModelInfo info = info_of(model);
    const DatasetInfo data = info_of(dataset);
    if (data.classes > info.classes || data.height != info.height || data.width != info.width || data.channels != info.channels)
        throw Failure("The data set's images or classes are not the model's.");
    const int64_t most = batch ? batch : 100;
    Predictor predictor;
    check(lem_predictor_create(model, int32_t(std::min(most, data.size)), dumped({{"precision", precision}}).c_str(), predictor.out()));
    std::vector<uint8_t> pixels(size_t(most * data.image_bytes()));
    std::vector<int32_t> labels(static_cast<size_t>(most), 0);
    std::vector<float> probabilities(size_t(most * info.classes));
    int64_t correct = 0;
    double loss = 0;
    for (int64_t first = 0; first < data.size; first += most) {
        const int64_t count = std::min(most, data.size - first);
        for (int64_t i = 0; i < count; ++i)
            check(lem_dataset_read(dataset, first + i, pixels.data() + i * data.image_bytes(), data.image_bytes(), &labels[size_t(i)]));
        check(lem_predictor_run(predictor, pixels.data(), count * data.image_bytes(), int32_t(count), probabilities.data(), count * info.classes));
        for (int64_t i = 0; i < count; ++i) {
            const float* row = probabilities.data() + i * info.classes;
            correct += std::max_element(row, row + info.classes) - row == labels[size_t(i)];
            loss -= std::log(std::max(double(row[labels[size_t(i)]]), 1e-38)); // of a probability that f32 does not hold
        }
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return {{"images", data.size},
            {"correct", correct},
            {"accuracy", double(correct) / double(data.size)},
            {"loss", loss / double(data.size)},
            {"seconds", seconds}};
}

Json measure(lem_model* model, lem_dataset* dataset, int batch, const std::string& precision) {
    if (info_of(model).detects)
        return json([&](lem_text** out) {
            Json given{{"batch", batch}};
            if (!precision.empty()) given["precision"] = precision;
            return lem_model_evaluate_boxes(model, dataset, dumped(given).c_str(), out);
        });
    if (!precision.empty()) return measure_predictions(model, dataset, batch, precision);
    lem_metrics metrics = LEM_METRICS_INIT;
    check(lem_model_evaluate(model, dataset, batch, &metrics));
    return {{"images", metrics.images},
            {"correct", metrics.correct},
            {"accuracy", metrics.accuracy},
            {"loss", metrics.loss},
            {"seconds", metrics.seconds}};
}

std::string summary_of(const Json& measured) {
    if (measured.contains("map_50"))
        return "mAP " + percent(measured["map_50"], 1) + " at an overlap of 0.5, " + percent(measured["map_coco"], 1) +
               " over 0.50 to 0.95 (" + thousands(measured["boxes"]) + " boxes in " + thousands(measured["images"]) + " images)";
    return "accuracy " + percent(measured["accuracy"], 2) + " (" + thousands(measured["correct"]) + " of " +
           thousands(measured["images"]) + "), loss " + fixed(measured["loss"], 4);
}

Dataset open_dataset_for(const ModelInfo& model, const std::string& path, const std::string& split) {
    const Json options{{"height", model.height}, {"width", model.width}, {"channels", model.channels}};
    Dataset dataset;
    check(lem_dataset_open(path.c_str(), split.c_str(), dumped(options).c_str(), dataset.out()));
    return dataset;
}

} // namespace lemnos::cli
