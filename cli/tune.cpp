// lemnos tune: finds the fastest kernel for each convolution of a model on this device, and shows, ships or clears what was found.
#include "command.h"
#include "progress.h"
#include "table.h"
#include "text.h"

#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

namespace lemnos::cli {

namespace {

struct Options {
    std::string model, precision, device, export_to, import_from;
    ModelOptions build;
    int batch = 0; // 0: not given
    bool train = false, show = false, clear = false, as_json = false;
};

struct Problem {
    std::string name;
    int64_t times = 1;
    Json result; // of lem_device_tune()
};

std::string milliseconds(double seconds) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f ms", seconds * 1e3);
    return text;
}

std::string times_text(double ratio) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f", ratio);
    return text;
}

// What follows "name=" in a problem's text.
std::string field(const std::string& problem, const std::string& name) {
    const size_t at = problem.find(" " + name + "=");
    if (at == std::string::npos) return {};
    const size_t begin = at + name.size() + 2;
    return problem.substr(begin, problem.find(' ', begin) - begin);
}

// "8x56x56x24 -> 56x56x144, 3x3 / 2, 144 groups"
std::string shape_text(const std::string& problem) {
    std::string text = field(problem, "x") + " -> " + field(problem, "y") + ", " + field(problem, "kernel");
    if (field(problem, "stride") != "1x1") text += " / " + field(problem, "stride");
    if (field(problem, "groups") != "1") text += ", " + field(problem, "groups") + " groups";
    return text;
}

std::string pass_text(const std::string& problem) { return problem.substr(0, problem.find(' ')); }

void print(const std::vector<Problem>& problems) {
    Table table({{"pass"}, {"convolution"}, {"times", Align::right}, {"default"}, {"", Align::right}, {"best"}, {"", Align::right},
                 {"ratio", Align::right}});
    double before = 0, after = 0;
    for (const Problem& problem : problems) {
        const double slow = problem.result["default_seconds"], fast = problem.result["best_seconds"];
        before += slow * double(problem.times);
        after += fast * double(problem.times);
        table.add({pass_text(problem.name), shape_text(problem.name), std::to_string(problem.times), problem.result["default"],
                   milliseconds(slow), problem.result["best"], milliseconds(fast), times_text(fast / slow)});
    }
    if (problems.empty()) return;
    table.add_total({"all", "", "", "", milliseconds(before), "", milliseconds(after), times_text(after / before)});
    table.print(std::cout);
}

int tune(const Options& options) {
    const Device device = open_device(options.device);
    const Model model = named_model(device, options.model, options.build.json());
    Json wanted{{"batch", batch_of(options.batch, options.train)}, {"train", options.train}};
    if (!options.precision.empty()) wanted["precision"] = options.precision;
    std::vector<Problem> problems;
    for (const Json& entry : json([&](lem_text** out) { return lem_model_kernels_json(model, dumped(wanted).c_str(), out); }))
        problems.push_back({entry["problem"], entry["times"], {}});
    Progress progress(stdout);
    Json all = Json::array();
    for (size_t i = 0; i < problems.size(); ++i) {
        Problem& problem = problems[i];
        progress.doing("Tuning " + std::to_string(i + 1) + " of " + std::to_string(problems.size()) + ": " +
                       pass_text(problem.name) + " " + shape_text(problem.name));
        problem.result = json([&](lem_text** out) { return lem_device_tune(device, problem.name.c_str(), out); });
        all.push_back(problem.result);
    }
    progress.clear();
    if (options.as_json) {
        std::cout << all.dump(2) << "\n";
        return 0;
    }
    print(problems);
    std::cout << "Whatever is compiled on this device from now on uses the best ones. \"lemnos tune --clear\" forgets them.\n";
    return 0;
}

std::vector<Json> decisions_of(lem_device* device, std::string* whole = nullptr) {
    Text text;
    check(lem_device_tuning(device, text.out()));
    if (whole) *whole = lem_text_data(text);
    std::istringstream lines(lem_text_data(text));
    std::vector<Json> decisions;
    for (std::string line; std::getline(lines, line);) decisions.push_back(Json::parse(line));
    decisions.erase(decisions.begin()); // what they hold for
    return decisions;
}

std::string count_text(size_t decisions) { return std::to_string(decisions) + (decisions == 1 ? " decision" : " decisions"); }

std::string kernel_text(const Json& choice) {
    std::string text = choice.at(0);
    if (choice.at(1) != 0) text += " " + choice.at(1).dump() + "x" + choice.at(2).dump();
    return text;
}

int show(const Options& options) {
    const Device device = open_device(options.device);
    std::vector<Problem> problems;
    Json all = Json::array();
    for (const Json& decision : decisions_of(device)) {
        all.push_back(decision);
        problems.push_back({decision["problem"], 1,
                            {{"default", kernel_text(decision["default"])},
                             {"best", kernel_text(decision["best"])},
                             {"default_seconds", decision["default_seconds"]},
                             {"best_seconds", decision["best_seconds"]}}});
    }
    if (options.as_json) std::cout << all.dump(2) << "\n";
    else if (problems.empty()) std::cout << "Nothing was tuned on this device.\n";
    else print(problems);
    return 0;
}

int export_decisions(const Options& options) {
    const Device device = open_device(options.device);
    std::string whole;
    const size_t count = decisions_of(device, &whole).size();
    std::ofstream file(options.export_to, std::ios::binary);
    file << whole;
    file.close();
    if (!file) throw Failure("The file \"" + options.export_to + "\" could not be written.");
    std::cout << "Wrote " << count_text(count) << " to " << options.export_to << ".\n";
    return 0;
}

int import_decisions(const Options& options) {
    std::ifstream file(options.import_from, std::ios::binary);
    if (!file) throw Failure("The file \"" + options.import_from + "\" could not be read.");
    const std::string whole{std::istreambuf_iterator<char>(file), {}};
    if (whole.empty()) throw Failure("The file \"" + options.import_from + "\" is empty.");
    const Device device = open_device(options.device);
    check(lem_device_load_tuning(device, whole.c_str()));
    std::cout << "Took " << count_text(decisions_of(device).size()) << " from " << options.import_from << ".\n";
    return 0;
}

int clear(const Options& options) {
    const Device device = open_device(options.device);
    const size_t count = decisions_of(device).size();
    check(lem_device_load_tuning(device, ""));
    std::cout << "Forgot " << count_text(count) << ".\n";
    return 0;
}

} // namespace

void add_tune(CLI::App& app, Run& run) {
    CLI::App* command = app.add_subcommand("tune", "Finds the fastest kernel for each convolution of a model on this device.");
    const auto options = std::make_shared<Options>();
    command->add_option("model", options->model, "An architecture's name, or a model's file.")->option_text("MODEL");
    options->build.add_without_data_to(*command);
    need_whole_number(*command, command->add_option("--batch", options->batch, "Images at a time (1; 8 with --train).")->option_text("COUNT"), 1,
                      INT32_MAX);
    command->add_flag("--train", options->train, "The plan of a training, backward passes included.");
    add_precision_option(*command, options->precision);
    CLI::Option* show_flag = command->add_flag("--show", options->show, "Prints what was found so far, and tunes nothing.");
    CLI::Option* export_option =
        command->add_option("--export", options->export_to, "Writes what was found to a file, to be shipped.")->option_text("FILE");
    CLI::Option* import_option =
        command->add_option("--import", options->import_from, "Takes what such a file says in place of what was found here.")
            ->option_text("FILE");
    CLI::Option* clear_flag = command->add_flag("--clear", options->clear, "Forgets what was found.");
    const std::vector<CLI::Option*> others{show_flag, export_option, import_option, clear_flag};
    for (CLI::Option* option : others)
        for (CLI::Option* other : others)
            if (option != other) option->excludes(other);
    command->add_flag("--json", options->as_json, "Prints as JSON.");
    add_device_option(*command, options->device);
    command->footer("Examples:\n"
                    "  lemnos tune mobilenet_v2 --width 1.0 --resolution 224\n"
                    "  lemnos tune mobilenet_v2 --batch 8 --train\n"
                    "  lemnos tune --show\n"
                    "  lemnos tune --export tuning.jsonl");
    command->callback([=, &run] {
        const bool manages = options->show || options->clear || !options->export_to.empty() || !options->import_from.empty();
        if (options->model.empty() != manages)
            misused(*command, manages ? "A model is tuned, or what was found is managed; not both." : "A model is needed.");
        run = [options] {
            if (options->show) return show(*options);
            if (!options->export_to.empty()) return export_decisions(*options);
            if (!options->import_from.empty()) return import_decisions(*options);
            return options->clear ? clear(*options) : tune(*options);
        };
    });
}

} // namespace lemnos::cli
