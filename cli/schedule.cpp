// lemnos schedule: what a training will do, before it starts.
#include "plot.h"
#include "recipe.h"
#include "table.h"
#include "terminal.h"
#include "text.h"

#include <iostream>

namespace lemnos::cli {

namespace {

struct Options {
    Recipe recipe;
    std::optional<int64_t> examples;
    std::string data;
    bool as_json = false, show = false;
};

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", value);
    return text;
}

int64_t examples_of(const Options& options) {
    if (options.examples) return *options.examples;
    Dataset data;
    check(lem_dataset_open(options.data.c_str(), "train", nullptr, data.out()));
    return info_of(data).size;
}

Json plan_of(const Options& options) {
    Json given = options.recipe.trainer_json();
    given["examples"] = examples_of(options);
    const Optimizer optimizer = options.recipe.make_optimizer();
    const Schedule schedule = options.recipe.make_schedule();
    return json([&](lem_text** out) { return lem_schedule_plan_json(schedule, optimizer, dumped(given).c_str(), out); });
}

void print(const Json& plan) {
    const int64_t epochs = plan["epochs"];
    std::cout << plan["schedule"].get<std::string>() << " with " << plan["optimizer"].get<std::string>() << ": "
              << thousands(plan["examples"]) << " images, " << thousands(epochs) << (epochs == 1 ? " epoch" : " epochs")
              << ", micro-batches of " << thousands(plan["micro_batch"]) << "\n\n";
    Table table({{"epochs"},
                 {"batch", Align::right},
                 {"rate", Align::right},
                 {"momentum", Align::right},
                 {"noise scale", Align::right},
                 {"eN/(B(1-m))", Align::right},
                 {"updates", Align::right}});
    for (const Json& phase : plan["phases"]) {
        const int64_t first = phase["first_epoch"], last = first + phase["epochs"].get<int64_t>();
        table.add({std::to_string(first + 1) + (last > first + 1 ? " to " + std::to_string(last) : ""),
                   thousands(phase["batch"]), number(phase["rate"]), number(phase["momentum"]), number(phase["noise"]),
                   number(phase["approximate_noise"]), thousands(phase["steps"])});
    }
    table.add_total({"total", "", "", "", "", "", thousands(plan["steps"])});
    table.print(std::cout);
    const Json& updates = plan["updates"];
    std::cout << "\nUpdates: " << number(updates["exact"]) << " by images over batch, " << thousands(updates["drop_last"])
              << " without the epochs' tails, " << thousands(updates["include_tail"]) << " with them.\n";
    if (plan["adaptive"])
        std::cout << "The batch will grow as the measured noise of the gradient asks for; this is how it starts.\n";

    const int width = terminal_width(Stream::out, 84);
    for (const char* what : {"rate", "batch"}) {
        if (what == std::string("batch") && plan["phases"].size() == 1) continue; // it never changes
        Plot plot{what == std::string("rate") ? "learning rate" : "images a step", {}, "epoch 1", std::to_string(epochs)};
        for (const Json& point : plan["curve"]) plot.values.push_back(point[what]);
        std::cout << "\n";
        print(std::cout, plot, width, speaks_utf8());
    }
}

} // namespace

void add_schedule(CLI::App& app, Run& run) {
    CLI::App* command = app.add_subcommand("schedule", "Shows what a training will do before it starts: its phases with batch, "
                                                       "learning rate and noise scale, and the number of updates.");
    const auto options = std::make_shared<Options>();
    add_value(*command, "Data", "--examples", options->examples, "COUNT", "Images of the data set.");
    add_value(*command, "Data", "--data", options->data, "DIR", "A data set instead, whose training images are counted.");
    options->recipe.add_to(*command, "Data");
    command->add_flag("--show", options->show, "Prints the phases as a table, and rate and batch as plots (the default).");
    command->add_flag("--json", options->as_json, "Prints them as JSON.");
    command->footer("Examples:\n"
                    "  lemnos schedule --show --schedule one_cycle --rate 0.008 --examples 60000\n"
                    "  lemnos schedule --schedule grow_batch --schedule-option largest_batch=5120 \\\n"
                    "      --optimizer sgd --rate 0.1 --momentum 0.9 --examples 50000 --epochs 200\n"
                    "  lemnos schedule --schedule chain --examples 50000 --epochs 90 \\\n"
                    "      --schedule-option \"parts=linear for 5 epochs; cosine\"");
    command->callback([=, &run] {
        if (options->examples.has_value() != options->data.empty())
            misused(*command, "Either --examples COUNT or --data DIR is needed.");
        run = [options] {
            const Json plan = plan_of(*options);
            if (options->as_json)
                std::cout << plan.dump(2) << "\n";
            else
                print(plan);
            return 0;
        };
    });
}

} // namespace lemnos::cli
