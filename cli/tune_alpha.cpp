// lemnos tune-alpha: how much an image's own moments should count at inference, chosen on a validation set.
#include "command.h"
#include "progress.h"
#include "table.h"
#include "terminal.h"
#include "text.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>

namespace lemnos::cli {

namespace {

struct Options {
    std::string model, data, split, layers = "*", alphas, out, device;
    int batch = 0;
    bool as_json = false;
};

struct Result {
    double alpha;
    lem_metrics metrics;
};

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", value);
    return text;
}

// Zero, one, and powers of two between, with what the model's training proposes.
std::vector<double> candidates(const Options& options, double proposal) {
    std::vector<double> alphas;
    if (options.alphas.empty()) {
        alphas = {0, 1};
        for (int power = 1; power <= 9; ++power) alphas.push_back(std::ldexp(1.0, -power));
        if (proposal > 0) alphas.push_back(proposal);
    }
    for (size_t at = 0; !options.alphas.empty() && at <= options.alphas.size();) {
        const size_t comma = std::min(options.alphas.find(',', at), options.alphas.size());
        const Json value = option_value(options.alphas.substr(at, comma - at));
        if (!value.is_number() || !(value >= 0.0 && value <= 1.0))
            throw Failure("The option --alphas has \"" + options.alphas.substr(at, comma - at) +
                          "\" (numbers from 0 to 1 are meant, separated by commas).");
        alphas.push_back(value.get<double>());
        at = comma + 1;
    }
    std::sort(alphas.begin(), alphas.end());
    alphas.erase(std::unique(alphas.begin(), alphas.end()), alphas.end());
    return alphas;
}

// The split to choose on: never the one that was trained on, unless it is asked for.
Dataset open_split(const Options& options, const ModelInfo& model, std::string& split) {
    if (!options.split.empty()) return open_dataset_for(model, options.data, split = options.split);
    try {
        return open_dataset_for(model, options.data, split = "val");
    } catch (const Failure&) {
        return open_dataset_for(model, options.data, split = "test");
    }
}

// The highest accuracy; of equal ones the lowest loss.
size_t best_of(const std::vector<Result>& results) {
    size_t best = 0;
    for (size_t i = 1; i < results.size(); ++i) {
        const lem_metrics &mine = results[i].metrics, &other = results[best].metrics;
        if (mine.correct > other.correct || (mine.correct == other.correct && mine.loss < other.loss))
            best = i;
    }
    return best;
}

// Bars begin where the better half is told apart; what lies below has none.
void print(const std::vector<Result>& results, size_t best, double proposal, const std::string& split) {
    std::vector<double> sorted;
    for (const Result& result : results) sorted.push_back(result.metrics.accuracy);
    std::sort(sorted.begin(), sorted.end());
    const double high = sorted.back(), median = sorted[sorted.size() / 2];
    const double floor = std::max(0.0, high - std::max(3 * (high - median), 0.003));
    const int columns = std::clamp(terminal_width(Stream::out, 80) - 44, 10, 48);
    const bool utf8 = speaks_utf8();
    Table table({{"alpha", Align::right}, {"accuracy", Align::right}, {"loss", Align::right}, {""}});
    for (size_t i = 0; i < results.size(); ++i) {
        const double above = std::max(0.0, results[i].metrics.accuracy - floor);
        const double share = high > floor ? above / (high - floor) : 0;
        const int length = int(std::lround(share * columns));
        std::string bar;
        for (int column = 0; column < length; ++column) bar += utf8 ? "█" : "#";
        const bool proposed = proposal > 0 && results[i].alpha == proposal;
        table.add({number(results[i].alpha) + (i == best  ? " *"
                                               : proposed ? " p"
                                                          : "  "),
                   percent(results[i].metrics.accuracy, 2), fixed(results[i].metrics.loss, 4), bar});
    }
    table.print(std::cout);
    std::cout << "\n* the best of the " << thousands(results[best].metrics.images) << " images of " << split
              << (proposal > 0
                      ? "; p, or 1 / the images normalised together in training, is " + number(proposal)
                      : "")
              << "; bars begin at " << percent(floor, 2) << ".\n";
}

int tune(const Options& options) {
    const std::filesystem::path folder = std::filesystem::path(options.out).parent_path();
    std::error_code error;
    if (!folder.empty() && !std::filesystem::is_directory(folder, error)) // before the work, not after it
        throw Failure("The folder \"" + folder.string() + "\" of the file \"" + options.out + "\" does not exist.");
    const Device device = open_device(options.device);
    Model model;
    check(lem_model_load(device, options.model.c_str(), model.out()));
    const Json known = json([&](lem_text** out) { return lem_model_alpha_json(model, out); });
    const double proposal = known["proposal"];
    std::string split;
    const Dataset data = open_split(options, info_of(model), split);
    const std::vector<double> alphas = candidates(options, proposal);

    std::vector<Result> results;
    Progress progress(stderr);
    for (size_t i = 0; i < alphas.size(); ++i) {
        progress.doing("Testing alpha " + number(alphas[i]) + " (" + std::to_string(i + 1) + " of " +
                       std::to_string(alphas.size()) + ") ...");
        check(lem_model_set_alpha(model, options.layers.c_str(), alphas[i]));
        results.push_back({alphas[i], LEM_METRICS_INIT});
        check(lem_model_evaluate(model, data, options.batch, &results.back().metrics));
    }
    progress.clear();
    const size_t best = best_of(results);
    check(lem_model_set_alpha(model, options.layers.c_str(), results[best].alpha));
    if (!options.out.empty()) check(lem_model_save(model, options.out.c_str()));
    if (options.as_json) {
        Json rows = Json::array();
        for (const Result& result : results)
            rows.push_back({{"alpha", result.alpha},
                            {"accuracy", result.metrics.accuracy},
                            {"loss", result.metrics.loss},
                            {"correct", result.metrics.correct},
                            {"images", result.metrics.images}});
        std::cout << Json{{"best", results[best].alpha},
                          {"proposal", proposal},
                          {"split", split},
                          {"results", std::move(rows)}}
                         .dump(2)
                  << "\n";
        return 0;
    }
    print(results, best, proposal, split);
    std::cout << (options.out.empty()
                      ? "The option --out FILE saves the model with alpha " + number(results[best].alpha) +
                            "."
                      : "The model with alpha " + number(results[best].alpha) + " is in " + options.out + ".")
              << "\n";
    return 0;
}

} // namespace

void add_tune_alpha(CLI::App& app, Run& run) {
    CLI::App* command = app.add_subcommand(
        "tune-alpha", "Chooses how much an image's own moments count at inference in layers of batch "
                      "normalisation (arXiv 1906.03548), on images the model was not trained on.");
    const auto options = std::make_shared<Options>();
    command->add_option("--model", options->model, "The model's file.")->option_text("FILE")->required();
    command->add_option("--data", options->data, "The data set's folder.")->option_text("DIR")->required();
    command
        ->add_option("--split", options->split,
                     "val, test or train; default: val where there is one, else test.")
        ->option_text("NAME");
    command
        ->add_option("--alphas", options->alphas,
                     "The values to try (0, 1, powers of two between, and 1 / the images normalised together "
                     "in training).")
        ->option_text("LIST");
    command->add_option("--layers", options->layers, "The layers that get it; * is any text (*).")
        ->option_text("PATTERN");
    command->add_option("--out", options->out, "Saves the model with the best value.")->option_text("FILE");
    need_whole_number(
        *command,
        command->add_option("--batch", options->batch, "Images at a time; default: chosen for you.")
            ->option_text("COUNT"),
        0, INT32_MAX);
    command->add_flag("--json", options->as_json, "Prints the results as JSON.");
    add_device_option(*command, options->device);
    command->footer("Examples:\n"
                    "  lemnos tune-alpha --model model.safetensors --data photos --out tuned.safetensors\n"
                    "  lemnos tune-alpha --model model.safetensors --data photos --alphas 0,0.01,0.1 "
                    "--layers 'features.1*'");
    command->callback([=, &run] { run = [options] { return tune(*options); }; });
}

} // namespace lemnos::cli
