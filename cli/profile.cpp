// lemnos profile: where the time of a network goes, and how far that is from what the device can do.
#include "command.h"
#include "table.h"
#include "text.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>

namespace lemnos::cli {

namespace {

struct Options {
    std::string model, file, device, by = "operator", trace, optimizer = "radam", data, split = "train";
    ModelOptions shape;
    std::vector<std::string> trainer;
    int batch = 0, repeat = 0, top = 20;
    bool train = false, as_json = false;
};

constexpr double good_seconds = 2; // that the repetitions take where nobody says how many
constexpr int least_repeats = 3, most_repeats = 50;

// ---- what is run ----------------------------------------------------------------------------------------------------

Model open_model(lem_device* device, const Options& options) {
    if (!options.file.empty()) {
        Model model;
        check(lem_model_load(device, options.file.c_str(), model.out()));
        return model;
    }
    return named_model(device, options.model, options.shape.json());
}

// The same noise every time.
std::vector<uint8_t> noise(int64_t bytes) {
    std::vector<uint8_t> pixels;
    pixels.reserve(size_t(bytes));
    uint32_t state = 1;
    for (int64_t i = 0; i < bytes; ++i) {
        state = state * 1664525 + 1013904223;
        pixels.push_back(uint8_t(state >> 24));
    }
    return pixels;
}

// One run of what is profiled, and the wait for all runs.
struct Work {
    std::function<void()> run, wait = [] {};
};

Work inference(lem_model* model, const ModelInfo& info, int batch) {
    const auto predictor = std::make_shared<Predictor>();
    check(lem_predictor_create(model, batch, nullptr, predictor->out()));
    const int64_t outputs = json([&](lem_text** out) { return lem_predictor_info_json(*predictor, out); })["outputs"];
    const auto pixels = std::make_shared<std::vector<uint8_t>>(noise(int64_t(batch) * info.height * info.width * info.channels));
    const auto results = std::make_shared<std::vector<float>>(size_t(batch * outputs));
    return {.run = [=] {
        check(lem_predictor_run(*predictor, pixels->data(), int64_t(pixels->size()), batch, results->data(),
                                int64_t(results->size())));
    }};
}

Dataset images_for_training(const Options& options, const ModelInfo& info, int batch) {
    if (!options.data.empty()) return open_dataset_for(info, options.data, options.split);
    if (info.detects)
        throw Failure("A detector is trained on images with boxes; give some with --data DIR.");
    const std::vector<uint8_t> pixels = noise(int64_t(batch) * info.height * info.width * info.channels);
    std::vector<int32_t> labels;
    for (int i = 0; i < batch; ++i) labels.push_back(i % info.classes);
    Dataset dataset;
    check(lem_dataset_create(pixels.data(), int64_t(pixels.size()), labels.data(), batch, info.height, info.width, info.channels,
                             info.classes, dataset.out()));
    return dataset;
}

Work training(lem_model* model, const ModelInfo& info, const Options& options, int batch) {
    const Dataset dataset = images_for_training(options, info, batch);
    Optimizer optimizer;
    Schedule schedule;
    check(lem_optimizer_create(options.optimizer.c_str(), R"({"rate": 1e-6})", optimizer.out())); // noise teaches nothing
    check(lem_schedule_create("constant", nullptr, schedule.out()));
    Json given{{"batch", batch}, {"epochs", 1000000}};
    add_options(given, options.trainer);
    const auto trainer = std::make_shared<Trainer>();
    check(lem_trainer_create(model, dataset, optimizer, schedule, dumped(given).c_str(), trainer->out()));
    return {.run = [=] { check(lem_trainer_step(*trainer)); },
            .wait = [=] {
                lem_progress progress = LEM_PROGRESS_INIT;
                check(lem_trainer_progress(*trainer, 1, &progress));
            }};
}

double seconds_of(const Work& work, int repeat) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < repeat; ++i) work.run();
    work.wait();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string profile(lem_device* device, const Json& options, const std::function<void()>& work) {
    check(lem_device_profile_start(device, dumped(options).c_str()));
    work();
    Text text;
    check(lem_device_profile_stop(device, text.out()));
    return {lem_text_data(text), size_t(lem_text_bytes(text))};
}

// ---- what is printed ------------------------------------------------------------------------------------------------

struct Row {
    std::string name;
    int64_t dispatches = 0;
    double seconds = 0, flops = 0, bytes = 0; // of one run
    double arithmetic = 0, memory = 0, bound = 0; // seconds at the ceilings

    void add(const Row& other) {
        dispatches += other.dispatches;
        for (double Row::*member : {&Row::seconds, &Row::flops, &Row::bytes, &Row::arithmetic, &Row::memory, &Row::bound})
            this->*member += other.*member;
    }
};

std::string name_of(const Json& dispatch, const std::string& by) {
    const std::string layer = dispatch["layer"];
    if (by == "layer") return layer.empty() ? "(" + dispatch["plan"].get<std::string>() + ")" : layer;
    if (by == "phase") return dispatch["phase"];
    if (by == "operator") return dispatch["operator"];
    const std::string variant = dispatch["variant"];
    return dispatch["shader"].get<std::string>() + (variant.empty() ? "" : " " + variant);
}

// By falling time; what is beyond `top` is one row.
std::vector<Row> rows_of(const Json& numbers, const std::string& by, int repeat, size_t top) {
    const auto number = [](const Json& value) { return value.is_null() ? 0.0 : value.get<double>(); };
    std::map<std::string, Row> groups;
    for (const Json& each : numbers["dispatches"]) {
        const std::string name = name_of(each, by);
        const double runs = each["runs"].get<double>() / repeat;
        const double arithmetic = number(each["arithmetic_seconds"]), memory = number(each["memory_seconds"]);
        Row& row = groups.emplace(name, Row{.name = name}).first->second;
        row.add({"", std::llround(runs), each["median_seconds"].get<double>() * runs, each["flops"].get<double>() * runs,
                 each["bytes"].get<double>() * runs, arithmetic * runs, memory * runs, std::max(arithmetic, memory) * runs});
    }
    std::vector<Row> rows;
    for (auto& [name, row] : groups) rows.push_back(std::move(row));
    std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.seconds > b.seconds; });
    if (rows.size() > top + 1) {
        Row others{.name = std::to_string(rows.size() - top) + " others"};
        for (size_t i = top; i < rows.size(); ++i) others.add(rows[i]);
        rows.resize(top);
        rows.push_back(others);
    }
    return rows;
}

std::string bar(double share, int width, bool utf8) {
    static constexpr const char* parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const int eighths = int(std::lround(share * width * 8));
    if (!utf8) return std::string(size_t((eighths + 4) / 8), '#');
    std::string text;
    for (int i = 0; i < eighths / 8; ++i) text += "█";
    return text + parts[eighths % 8];
}

// 57.9 ms, 312 us.
std::string time_text(double seconds) {
    if (seconds >= 1) return fixed(seconds, 2) + " s";
    if (seconds >= 1e-3) return fixed(seconds * 1e3, seconds >= 0.1 ? 0 : seconds >= 0.01 ? 1 : 2) + " ms";
    return fixed(seconds * 1e6, 0) + " us";
}

void print_table(const std::vector<Row>& rows, const std::string& by, bool ceilings) {
    constexpr int least_name = 12, widest_bar = 20, least_bar = 4;
    Row total{.name = "total"};
    for (const Row& row : rows) total.add(row);
    const auto cells = [&](const Row& row, std::string name, std::string drawn) {
        const auto rate = [&](double amount) { return amount > 0 && row.seconds > 0 ? fixed(amount / row.seconds * 1e-9, 1) : "-"; };
        std::string ceiling = "-";
        if (row.bound > 0 && row.seconds > 0)
            ceiling = percent(row.bound / row.seconds, 0) + (row.arithmetic >= row.memory ? " flops" : " bytes");
        std::vector<std::string> line{std::move(name), thousands(row.dispatches), fixed(row.seconds * 1e3, 3),
                                      total.seconds > 0 ? percent(row.seconds / total.seconds, 1) : "-", std::move(drawn),
                                      rate(row.flops), rate(row.bytes)};
        if (ceilings) line.push_back(ceiling);
        return line;
    };
    // What the other columns leave is for names, and what those leave for bars.
    const int width = is_terminal(Stream::out) ? terminal_width(Stream::out, 100) : 100;
    size_t name_width = size_t(columns_of(by));
    for (const Row& row : rows) name_width = std::max(name_width, size_t(columns_of(row.name)));
    std::vector<std::string> titles{by, "n", "ms", "share", "", "GFLOP/s", "GB/s"};
    if (ceilings) titles.emplace_back("of ceiling");
    int others = 0;
    for (size_t column = 1; column < titles.size(); ++column) {
        int widest = columns_of(titles[column]);
        for (const Row& row : rows) widest = std::max(widest, columns_of(cells(row, "", "")[column]));
        others += 2 + std::max(widest, columns_of(cells(total, "", "")[column]));
    }
    const int names = std::clamp(int(name_width), least_name, std::max(least_name, width - others - least_bar));
    const int bars = std::clamp(width - others - names, least_bar, widest_bar);
    std::vector<Table::Column> columns;
    for (size_t i = 0; i < titles.size(); ++i) columns.push_back({titles[i], i == 0 || i == 4 ? Align::left : Align::right});
    Table table(columns);
    const bool utf8 = speaks_utf8();
    const double largest = total.seconds > 0 && !rows.empty() ? std::max_element(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
        return a.seconds < b.seconds;
    })->seconds : 1;
    for (const Row& row : rows) table.add(cells(row, shortened(row.name, names), bar(row.seconds / largest, bars, utf8)));
    table.add_total(cells(total, "total", ""));
    table.print(std::cout);
}

void print(const Json& measured, const Json& numbers, const std::vector<Row>& rows, const Options& options) {
    const Json& ceilings = numbers["ceilings"];
    const int64_t repeat = measured["runs"];
    std::cout << measured["model"].get<std::string>() << ", " << product(measured["input"]) << ", batch "
              << thousands(measured["batch"]) << (options.train ? ", a training step" : ", inference") << "\n"
              << numbers["device"].get<std::string>() << ", medians of " << thousands(repeat) << " runs\n\n";
    print_table(rows, options.by, !ceilings["flops_per_second"].is_null());
    std::cout << "\nA " << (options.train ? "step" : "run") << " takes " << time_text(measured["run_seconds"]) << " ("
              << fixed(measured["images_per_second"], 1) << " images/s), and the device works "
              << percent(measured["device_share"], 1) << " of that. Timed one by one, as\nabove, its dispatches take "
              << time_text(numbers["dispatch_seconds"].get<double>() / double(repeat)) << ".\n";
    if (!ceilings["flops_per_second"].is_null())
        std::cout << "Of ceiling: of what the same run measured as most, " << fixed(ceilings["flops_per_second"].get<double>() * 1e-9, 1)
                  << " GFLOP/s of multiply-adds without loads or\n" << fixed(ceilings["bytes_per_second"].get<double>() * 1e-9, 1)
                  << " GB/s of streams without arithmetic, whichever takes longer (flops, bytes).\n";
    else
        std::cout << "There is no memory to measure the device's ceilings.\n";
    if (!options.trace.empty()) std::cout << "The trace is " << options.trace << "; https://ui.perfetto.dev shows it.\n";
}

[[noreturn]] void refuse_trace(const std::string& path) { throw Failure("The trace \"" + path + "\" cannot be written."); }

void write_trace(const std::string& path, const std::string& trace) {
    std::ofstream file(path, std::ios::binary);
    file << trace;
    file.close();
    if (!file) refuse_trace(path);
}

int profile_model(const Options& options) {
    const std::filesystem::path folder = std::filesystem::path(options.trace).parent_path();
    std::error_code ignored;
    if (!folder.empty() && !std::filesystem::is_directory(folder, ignored)) refuse_trace(options.trace); // before there is anything to lose
    const Device device = open_device(options.device);
    const Model model = open_model(device, options);
    const ModelInfo info = info_of(model);
    const int batch = batch_of(options.batch, options.train);
    const Work work = options.train ? training(model, info, options, batch) : inference(model, info, batch);
    seconds_of(work, 1); // compiles
    const double once = seconds_of(work, 1);
    const int repeat = options.repeat ? options.repeat : std::clamp(int(good_seconds / std::max(once, 1e-6)), least_repeats, most_repeats);

    double seconds = 0;
    const Json whole = Json::parse(profile(device, {{"dispatches", false}, {"ceilings", false}}, [&] { seconds = seconds_of(work, repeat); }))["profile"];
    const std::string trace = profile(device, Json::object(), [&] { seconds_of(work, repeat); });
    Json numbers = Json::parse(trace)["profile"];
    const Json measured{{"model", info.name},
                        {"input", {info.height, info.width, info.channels}},
                        {"mode", options.train ? "training" : "inference"},
                        {"batch", batch},
                        {"runs", repeat},
                        {"run_seconds", seconds / repeat},
                        {"images_per_second", batch * repeat / seconds},
                        {"device_share", std::min(1.0, whole["device_seconds"].get<double>() / seconds)}};
    if (!options.trace.empty()) write_trace(options.trace, trace);
    if (options.as_json) {
        Json all = measured;
        all["profile"] = std::move(numbers);
        std::cout << all.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
        return 0;
    }
    print(measured, numbers, rows_of(numbers, options.by, repeat, size_t(options.top)), options);
    return 0;
}

} // namespace

void add_profile(CLI::App& app, Run& run) {
    const auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("profile", "Shows where the time of a network goes on the device, and how far that is from "
                                                      "what the device can do.");
    command->add_option("name", options->model, "An architecture, for example mobilenet_v2, or a model's file.")->option_text("[MODEL]");
    command->add_option("--model", options->file, "A model's file, as other commands take it.")->option_text("FILE");
    const auto count = [&](const char* name, int& value, const char* help, int least, int most) {
        need_whole_number(*command, command->add_option(name, value, help)->option_text("COUNT"), least, most);
    };
    count("--batch", options->batch, "Images at a time (1; 8 for training).", 1, INT32_MAX);
    command->add_flag("--train", options->train, "A training step instead of inference: forward, loss, backward and update.");
    count("--repeat", options->repeat, "How often it is run; default: for about two seconds.", 1, 1000000);
    command->add_option("--by", options->by, "What rows stand for: operator, kernel, layer or phase (operator).")
        ->option_text("KIND");
    count("--top", options->top, "Rows before \"others\" (20).", 1, INT32_MAX);
    command->add_option("--trace", options->trace, "Writes a trace that https://ui.perfetto.dev shows: what host and device did, and when.")
        ->option_text("FILE");
    command->add_flag("--json", options->as_json, "Prints the profile as JSON.");
    add_device_option(*command, options->device);
    options->shape.add_without_data_to(*command);
    command->add_option("--optimizer", options->optimizer, "The optimizer of a training step (radam).")->option_text("NAME")->group("Training");
    command->add_option("--data", options->data, "Images to train on instead of noise; a detector needs some with boxes.")
        ->option_text("DIR")
        ->group("Training");
    command->add_option("--split", options->split, "train, test or val (train).")->option_text("NAME")->group("Training");
    add_assignments(*command, "--trainer-option", options->trainer, "Any option of the trainer, for example micro_batch=4; may be repeated.")
        ->group("Training");
    command->footer("Examples:\n"
                    "  lemnos profile mobilenet_v2\n"
                    "  lemnos profile mobilenet_v2 --width 0.35 --resolution 96 --train --batch 32 --by layer\n"
                    "  lemnos profile model.safetensors --trace trace.json");
    command->callback([=, &run] {
        if (options->model.empty() == options->file.empty())
            misused(*command, "Either a model or --model FILE is needed.");
        const std::vector<std::string> kinds{"operator", "kernel", "layer", "phase"};
        if (std::find(kinds.begin(), kinds.end(), options->by) == kinds.end())
            misused(*command, "The option --by (" + options->by + ") is not one of operator, kernel, layer, phase." +
                                  did_you_mean(options->by, kinds));
        for (const char* name : {"--optimizer", "--data", "--split", "--trainer-option"})
            if (command->count(name) > 0 && !options->train)
                misused(*command, std::string("The option ") + name + " needs --train.");
        run = [options] { return profile_model(*options); };
    });
}

} // namespace lemnos::cli
