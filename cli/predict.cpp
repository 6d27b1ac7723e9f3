// lemnos predict: the classes that a model sees in images, from files or from a data set.
#include "command.h"
#include "sheet.h"
#include "table.h"
#include "text.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <numeric>

namespace lemnos::cli {

namespace {

struct Options {
    std::string model, data, split = "test", picture, precision, device, memory_limit;
    std::vector<std::string> images;
    int top = 3, count = 24, channel_groups = 0;
    bool as_json = false, least_memory = false;

    bool saves_memory() const { return !memory_limit.empty() || channel_groups || least_memory; }
};

constexpr int most_images = 1 << 20;

struct Prediction {
    std::vector<int> best; // classes, the likeliest first
    std::vector<float> probabilities;
};

// What the memory options came to; beside the result where that is JSON.
void report_memory(const Options& options, lem_predictor* predictor) {
    const Json info = json([&](lem_text** out) { return lem_predictor_info_json(predictor, out); });
    std::string groups;
    int split = 0;
    for (const Json& block : info["blocks"])
        if (block["groups"] > 1) {
            groups += (split++ ? ", " : "") + block["name"].get<std::string>() + " in " +
                      std::to_string(block["groups"].get<int64_t>());
        }
    const int64_t bytes = info["workspace_bytes"], without = info["workspace_bytes_without"];
    (options.as_json ? std::cerr : std::cout)
        << "Activations take " << bytes_text(bytes) << " (" << percent(double(bytes) / double(without)) << " of "
        << bytes_text(without) << "); blocks in groups of channels: " << (split ? groups : "none") << ".\n\n";
}

std::vector<Prediction> predict(const Options& options, lem_model* model, const ModelInfo& info,
                                const std::vector<uint8_t>& pixels, int count) {
    const int top = options.top;
    Json memory = Json::object();
    if (!options.memory_limit.empty()) memory["memory_limit"] = bytes_from(options.memory_limit);
    if (options.channel_groups) memory["channel_groups"] = options.channel_groups;
    if (options.least_memory) memory["least_memory"] = true;
    if (!options.precision.empty()) memory["precision"] = options.precision;
    Predictor predictor;
    check(lem_predictor_create(model, std::min(count, 32), dumped(memory).c_str(), predictor.out()));
    if (options.saves_memory()) report_memory(options, predictor);
    std::vector<float> all(size_t(count) * size_t(info.classes));
    check(lem_predictor_run(predictor, pixels.data(), int64_t(pixels.size()), count, all.data(),
                            int64_t(all.size())));
    std::vector<Prediction> predictions;
    for (int i = 0; i < count; ++i) {
        const float* row = all.data() + size_t(i) * size_t(info.classes);
        Prediction prediction{std::vector<int>(size_t(info.classes)), {}};
        std::iota(prediction.best.begin(), prediction.best.end(), 0);
        const size_t kept = size_t(std::min(top, info.classes));
        std::partial_sort(prediction.best.begin(), prediction.best.begin() + std::ptrdiff_t(kept),
                          prediction.best.end(),
                          [&](int a, int b) { return row[a] != row[b] ? row[a] > row[b] : a < b; });
        prediction.best.resize(kept);
        for (int each : prediction.best) prediction.probabilities.push_back(row[each]);
        predictions.push_back(std::move(prediction));
    }
    return predictions;
}

Json describe(const Prediction& prediction, const ModelInfo& info) {
    Json list = Json::array();
    for (size_t i = 0; i < prediction.best.size(); ++i)
        list.push_back({{"class", info.class_names[size_t(prediction.best[i])]},
                        {"label", prediction.best[i]},
                        {"probability", prediction.probabilities[i]}});
    return list;
}

int predict_files(const Options& options, lem_model* model, const ModelInfo& info) {
    const int64_t bytes = int64_t(info.height) * info.width * info.channels;
    const int count = int(options.images.size());
    std::vector<uint8_t> pixels(size_t(bytes) * size_t(count));
    for (int i = 0; i < count; ++i)
        check(lem_image_read(options.images[size_t(i)].c_str(), info.height, info.width, info.channels,
                             pixels.data() + i * bytes, bytes));
    const std::vector<Prediction> predictions = predict(options, model, info, pixels, count);
    if (options.as_json) {
        Json list = Json::array();
        for (int i = 0; i < count; ++i)
            list.push_back({{"image", options.images[size_t(i)]},
                            {"predictions", describe(predictions[size_t(i)], info)}});
        std::cout << list.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
        return 0;
    }
    Table table({{"image"}, {"class"}, {"probability", Align::right}});
    for (int i = 0; i < count; ++i) {
        const Prediction& prediction = predictions[size_t(i)];
        for (size_t k = 0; k < prediction.best.size(); ++k)
            table.add({k == 0 ? options.images[size_t(i)] : "", info.class_names[size_t(prediction.best[k])],
                       percent(prediction.probabilities[k], 2)});
    }
    table.print(std::cout);
    return 0;
}

int predict_data(const Options& options, lem_model* model, const ModelInfo& info) {
    const Dataset dataset = open_dataset_for(info, options.data, options.split);
    const DatasetInfo data = info_of(dataset);
    const int count = int(std::min<int64_t>(options.count, data.size));
    std::vector<uint8_t> pixels(size_t(data.image_bytes()) * size_t(count));
    std::vector<int64_t> indices;
    std::vector<int32_t> labels(size_t(count), 0);
    if (data.classes > info.classes)
        throw Failure("The data set has " + thousands(data.classes) + " classes (the model has " +
                      thousands(info.classes) + ").");
    for (int i = 0; i < count; ++i) { // evenly spread, for many data sets are sorted by class
        indices.push_back(i * data.size / count);
        check(lem_dataset_read(dataset, indices.back(), pixels.data() + i * data.image_bytes(),
                               data.image_bytes(), &labels[size_t(i)]));
    }
    const std::vector<Prediction> predictions = predict(options, model, info, pixels, count);
    const auto name = [&](int label) { return info.class_names[size_t(label)]; };
    int right = 0;
    for (int i = 0; i < count; ++i) right += predictions[size_t(i)].best[0] == labels[size_t(i)];

    if (!options.picture.empty()) {
        Sheet sheet;
        const std::filesystem::path folder = std::filesystem::path(options.data).lexically_normal();
        const std::string shown =
            folder.has_filename() ? folder.filename().string() : folder.parent_path().filename().string();
        sheet.title = std::filesystem::path(options.model).filename().string() + " on " + shown + ": " +
                      std::to_string(right) + " of " + std::to_string(count) + " right";
        sheet.height = data.height, sheet.width = data.width, sheet.channels = data.channels;
        for (int i = 0; i < count; ++i) {
            const auto first = pixels.begin() + i * data.image_bytes();
            sheet.cells.push_back({{first, first + data.image_bytes()},
                                   name(labels[size_t(i)]),
                                   name(predictions[size_t(i)].best[0]),
                                   predictions[size_t(i)].probabilities[0]});
        }
        const Picture picture = draw(sheet);
        check(lem_image_write_png(options.picture.c_str(), picture.pixels.data(),
                                  int64_t(picture.pixels.size()), picture.height, picture.width, 3));
    }
    if (options.as_json) {
        Json list = Json::array();
        for (int i = 0; i < count; ++i)
            list.push_back({{"index", indices[size_t(i)]},
                            {"true_class", name(labels[size_t(i)])},
                            {"true_label", labels[size_t(i)]},
                            {"predictions", describe(predictions[size_t(i)], info)}});
        std::cout << Json{{"images", count}, {"correct", right}, {"results", std::move(list)}}.dump(
                         2, ' ', false, Json::error_handler_t::replace)
                  << "\n";
        return 0;
    }
    Table table(
        {{"image", Align::right}, {"true class"}, {"predicted class"}, {"probability", Align::right}, {""}});
    for (int i = 0; i < count; ++i) {
        const Prediction& prediction = predictions[size_t(i)];
        for (size_t k = 0; k < prediction.best.size(); ++k)
            table.add({k == 0 ? std::to_string(indices[size_t(i)]) : "",
                       k == 0 ? name(labels[size_t(i)]) : "", name(prediction.best[k]),
                       percent(prediction.probabilities[k], 2),
                       k == 0 && prediction.best[0] != labels[size_t(i)] ? "wrong" : ""});
    }
    table.print(std::cout);
    std::cout << "\n" << right << " of " << count << " images are classified correctly.\n";
    if (!options.picture.empty()) std::cout << "The picture is " << options.picture << ".\n";
    return 0;
}

} // namespace

void add_predict(CLI::App& app, Run& run) {
    CLI::App* command =
        app.add_subcommand("predict", "Classifies images with a model: files, or some of a data set, which "
                                      "can be drawn as a picture with their true and predicted classes.");
    const auto options = std::make_shared<Options>();
    command->add_option("images", options->images, "Image files (PNG, JPEG).")
        ->option_text("[IMAGE...]")
        ->take_all()
        ->group("Images");
    command->add_option("--model", options->model, "The model's file.")->option_text("FILE")->required();
    need_whole_number(*command,
                      command
                          ->add_option("--top", options->top,
                                       "How many of the likeliest classes are printed (3; 1 for a data set).")
                          ->option_text("COUNT"),
                      1, INT32_MAX);
    command
        ->add_option(
            "--picture", options->picture,
            "Draws the images of a data set with their true and predicted classes into this PNG file.")
        ->option_text("FILE");
    command
        ->add_option("--memory-limit", options->memory_limit,
                     "What activations may take, e.g. 3M or 2.5MiB; blocks run in groups of channels where they must.")
        ->option_text("BYTES")
        ->group("Memory");
    need_whole_number(*command,
                      command
                          ->add_option("--channel-groups", options->channel_groups,
                                       "Groups of channels of every block that can be split; 1: none is.")
                          ->option_text("COUNT")
                          ->group("Memory"),
                      1, 65536);
    command->add_flag("--least-memory", options->least_memory, "As little memory for activations as there can be.")
        ->group("Memory");
    add_precision_option(*command, options->precision);
    command->add_flag("--json", options->as_json, "Prints the result as JSON.");
    add_device_option(*command, options->device);
    command
        ->add_option("--data", options->data, "Images of a data set instead of files, evenly spread over it.")
        ->option_text("DIR")
        ->group("Images");
    command->add_option("--split", options->split, "train, test or val (test).")
        ->option_text("NAME")
        ->group("Images");
    need_whole_number(*command,
                      command->add_option("--count", options->count, "How many images (24).")
                          ->option_text("COUNT")
                          ->group("Images"),
                      1, most_images);
    command->footer(
        "Examples:\n"
        "  lemnos predict --model model.safetensors cat.jpg dog.png\n"
        "  lemnos predict --model model.safetensors --top 5 --json photo.jpg\n"
        "  lemnos predict --model model.safetensors --data /usr/share/datasets/fashion-mnist --count 32 "
        "--picture sheet.png");
    command->callback([=, &run] {
        if (command->count("--top") == 0 && !options->data.empty()) options->top = 1;
        if (options->images.empty() == options->data.empty())
            misused(*command, "Either image files or --data DIR are needed.");
        if (!options->picture.empty() && options->data.empty())
            misused(*command, "The option --picture needs --data DIR.");
        need_bytes(*command, "--memory-limit", options->memory_limit);
        run = [options] {
            const Device device = open_device(options->device);
            Model model;
            check(lem_model_load(device, options->model.c_str(), model.out()));
            const ModelInfo info = info_of(model);
            if (info.detects)
                throw Failure("The model \"" + options->model + "\" finds objects; lemnos detect is for such models.");
            return options->data.empty() ? predict_files(*options, model, info)
                                         : predict_data(*options, model, info);
        };
    });
}

} // namespace lemnos::cli
