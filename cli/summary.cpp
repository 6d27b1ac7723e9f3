// lemnos summary: the layers of a network, with their parameters and multiply-accumulates.
#include "command.h"
#include "table.h"
#include "text.h"

#include <iostream>

namespace lemnos::cli {

static void print(const Json& summary) {
    std::cout << summary["name"].get<std::string>() << ", input " << product(summary["input"]) << ", "
              << thousands(summary["classes"]) << " classes";
    if (summary.contains("anchors")) std::cout << ", " << thousands(summary["anchors"]) << " anchors";
    std::cout << "\n\n";
    Table table({{"layer"},
                 {"operators"},
                 {"output", Align::right},
                 {"parameters", Align::right},
                 {"MACs", Align::right}});
    for (const Json& layer : summary["layers"])
        table.add({layer["name"], layer["operators"], product(layer["output"]),
                   thousands(layer["parameters"]), thousands(layer["macs"])});
    table.add_total({"total", "", "", thousands(summary["parameters"]), thousands(summary["macs"])});
    table.print(std::cout);
}

void add_summary(CLI::App& app, Run& run) {
    struct Options {
        std::string name, file, device;
        ModelOptions model;
        bool as_json = false;
    };
    CLI::App* command = app.add_subcommand("summary", "Prints the layers of a network, their parameters and "
                                                      "multiply-accumulates for one image.");
    const auto options = std::make_shared<Options>();
    command->add_option("name", options->name, "An architecture, for example mobilenet_v2.")
        ->option_text("[NAME]");
    command->add_option("--model", options->file, "A model file instead of an architecture.")
        ->option_text("FILE");
    options->model.add_without_data_to(*command);
    command->add_flag("--json", options->as_json, "Prints the summary as JSON.");
    add_device_option(*command, options->device);
    command->footer("Examples:\n"
                    "  lemnos summary mobilenet_v2 --width 1.0 --resolution 224\n"
                    "  lemnos summary mobilenet_v2 --preset small28 --width 0.35 --channels 1 --classes 10\n"
                    "  lemnos summary --model model.safetensors --json");
    command->callback([=, &run] {
        if (options->name.empty() == options->file.empty())
            misused(*command, "Either the name of an architecture or --model FILE is needed.");
        run = [options] {
            Json summary;
            if (!options->file.empty()) {
                const Device device = open_device(options->device);
                Model model;
                check(lem_model_load(device, options->file.c_str(), model.out()));
                summary = json([&](lem_text** out) { return lem_model_summary_json(model, out); });
            } else {
                summary = json([&](lem_text** out) {
                    return lem_summary_json(options->name.c_str(), dumped(options->model.json()).c_str(), out);
                });
            }
            if (options->as_json)
                std::cout << summary.dump(2) << "\n";
            else
                print(summary);
            return 0;
        };
    });
}

} // namespace lemnos::cli
