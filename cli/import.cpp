// lemnos import: a model file from weights of an architecture that were published elsewhere.
#include "command.h"
#include "recipe.h"
#include "text.h"

#include <fstream>
#include <iostream>

namespace lemnos::cli {

static std::vector<std::string> lines_of(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw Failure("The file \"" + path + "\" cannot be read.");
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) {
        if (line.ends_with('\r')) line.pop_back();
        lines.push_back(line);
    }
    return lines;
}

void add_import(CLI::App& app, Run& run) {
    struct Options {
        std::string name, weights, class_names, out = "model.safetensors", device;
        ModelOptions model;
    };
    CLI::App* command = app.add_subcommand(
        "import", "Makes a model file from published weights of an architecture: safetensors with torchvision's names and shapes.");
    const auto options = std::make_shared<Options>();
    command->add_option("name", options->name, "An architecture: " + names_of("model") + ".")->option_text("NAME")->required();
    command->add_option("--weights", options->weights, "The weights' file (f32, f16 or bf16).")->option_text("FILE")->required();
    command->add_option("--out", options->out, "The model's file (model.safetensors).")->option_text("FILE");
    command->add_option("--class-names", options->class_names, "A text file with the name of a class a line.")->option_text("FILE");
    options->model.add_without_data_to(*command);
    add_device_option(*command, options->device);
    command->footer("Examples:\n"
                    "  lemnos import mobilenet_v2 --weights mobilenet_v2.safetensors --class-names imagenet.txt --out mobilenet.safetensors\n"
                    "  lemnos import mobilenet_v2 --option padding=same --weights from_tensorflow.safetensors");
    command->callback([=, &run] {
        run = [options] {
            const Device device = open_device(options->device);
            Model model;
            check(lem_model_build(device, options->name.c_str(), dumped(options->model.json()).c_str(), 1, model.out()));
            check(lem_model_load_weights(model, options->weights.c_str()));
            if (!options->class_names.empty())
                check(lem_model_set_class_names(model, dumped(lines_of(options->class_names)).c_str()));
            check(lem_model_save(model, options->out.c_str()));
            const ModelInfo info = info_of(model);
            std::cout << options->out << ": " << info.name << ", " << thousands(info.parameters) << " parameters, " << thousands(info.classes)
                      << " classes\n";
            return 0;
        };
    });
}

} // namespace lemnos::cli
