// lemnos eval: the accuracy of a model on a data set, of a detector its average precision.
#include "command.h"
#include "table.h"
#include "text.h"

#include <iostream>

namespace lemnos::cli {

static void print(const Json& measured) {
    if (measured.contains("map_50")) {
        Table table({{"class"}, {"boxes", Align::right}, {"AP 0.5", Align::right}, {"AP 0.5 (2007)", Align::right}, {"AP 0.50:0.95", Align::right}});
        const auto average = [](const Json& from, const char* name) { return from[name].is_null() ? "-" : percent(from[name], 1); };
        for (const Json& each : measured["classes"])
            table.add({each["name"], thousands(each["boxes"]), average(each, "ap_50"), average(each, "ap_50_voc2007"), average(each, "ap_coco")});
        table.add_total({"mean", thousands(measured["boxes"]), average(measured, "map_50"), average(measured, "map_50_voc2007"),
                         average(measured, "map_coco")});
        table.print(std::cout);
        std::cout << "\n" << thousands(measured["images"]) << " images in " << fixed(measured["seconds"], 1) << " s\n";
        return;
    }
    std::cout << "accuracy  " << percent(measured["accuracy"], 2) << " (" << thousands(measured["correct"]) << " of "
              << thousands(measured["images"]) << " images)\n"
              << "loss      " << fixed(measured["loss"], 4) << "\n"
              << "time      " << fixed(measured["seconds"], 1) << " s\n";
}

void add_eval(CLI::App& app, Run& run) {
    struct Options {
        std::string model, data, split = "test", precision, device;
        int batch = 0;
        std::optional<double> alpha;
        bool as_json = false;
    };
    CLI::App* command =
        app.add_subcommand("eval", "Measures the accuracy of a model, or the average precision of a detector, on every image of a data set.");
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
    add_precision_option(*command, options->precision);
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
            const Json measured = measure(model, dataset, options->batch, options->precision);
            if (options->as_json) std::cout << measured.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
            else print(measured);
            return 0;
        };
    });
}

} // namespace lemnos::cli
