// lemnos eval: the accuracy of a model on a data set.
#include "command.h"
#include "text.h"

#include <iostream>

namespace lemnos::cli {

void add_eval(CLI::App& app, Run& run) {
    struct Options {
        std::string model, data, split = "test", device;
        int batch = 0;
        std::optional<double> alpha;
        bool as_json = false;
    };
    CLI::App* command =
        app.add_subcommand("eval", "Measures the accuracy of a model on every image of a data set.");
    const auto options = std::make_shared<Options>();
    command->add_option("--model", options->model, "The model's file.")->option_text("FILE")->required();
    command->add_option("--data", options->data, "The data set's folder.")->option_text("DIR")->required();
    command->add_option("--split", options->split, "train, test or val (test).")->option_text("NAME");
    need_whole_number(
        *command,
        command->add_option("--batch", options->batch, "Images at a time; default: chosen for you.")
            ->option_text("COUNT"),
        0, INT32_MAX);
    need_number(*command,
                command->add_option("--alpha", options->alpha,
                                    "How much an image's own moments count, 0 to 1; default: what the file says.")
                    ->option_text("WEIGHT"));
    command->add_flag("--json", options->as_json, "Prints the result as JSON.");
    add_device_option(*command, options->device);
    command->footer("Examples:\n"
                    "  lemnos eval --model model.safetensors --data /usr/share/datasets/fashion-mnist\n"
                    "  lemnos eval --model model.safetensors --data photos --split val --json");
    command->callback([=, &run] {
        run = [options] {
            const Device device = open_device(options->device);
            Model model;
            check(lem_model_load(device, options->model.c_str(), model.out()));
            const Dataset dataset = open_dataset_for(info_of(model), options->data, options->split);
            if (options->alpha) check(lem_model_set_alpha(model, "*", *options->alpha));
            lem_metrics metrics = LEM_METRICS_INIT;
            check(lem_model_evaluate(model, dataset, options->batch, &metrics));
            if (options->as_json)
                std::cout << Json{{"images", metrics.images},
                                  {"correct", metrics.correct},
                                  {"accuracy", metrics.accuracy},
                                  {"loss", metrics.loss},
                                  {"seconds", metrics.seconds}}
                                 .dump(2)
                          << "\n";
            else
                std::cout << "accuracy  " << percent(metrics.accuracy, 2) << " ("
                          << thousands(metrics.correct) << " of " << thousands(metrics.images) << " images)\n"
                          << "loss      " << fixed(metrics.loss, 4) << "\n"
                          << "time      " << fixed(metrics.seconds, 1) << " s\n";
            return 0;
        };
    });
}

} // namespace lemnos::cli
