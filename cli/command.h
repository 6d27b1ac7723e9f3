// The commands, each in a file of its own: they add themselves to the program, and set what is to be run when
// the user chose them.
#pragma once

#include "library.h"

#include <CLI/CLI.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace lemnos::cli {

using Run = std::function<int()>; // gives the exit status

void add_devices(CLI::App& app, Run& run);
void add_train(CLI::App& app, Run& run);
void add_eval(CLI::App& app, Run& run);
void add_tune(CLI::App& app, Run& run);
void add_tune_alpha(CLI::App& app, Run& run);
void add_predict(CLI::App& app, Run& run);
void add_detect(CLI::App& app, Run& run);
void add_import(CLI::App& app, Run& run);
void add_summary(CLI::App& app, Run& run);
void add_profile(CLI::App& app, Run& run);
void add_schedule(CLI::App& app, Run& run);

// ---- what several commands share --------------------------------------------------------------------------

// Throws a Failure of status 2 that says where to find help.
[[noreturn]] void misused(const CLI::App& command, const std::string& sentence);

void add_device_option(CLI::App& command, std::string& device);

// Refuse values that are no number, are not finite, or are out of range: the parser lets "nan" pass, and cuts
// numbers that are too big.
void need_number(const CLI::App& command, CLI::Option* option);
void need_whole_number(const CLI::App& command, CLI::Option* option, int64_t least, int64_t most);
// Likewise for a number of bytes (bytes_from), once all is parsed; nothing given is none.
void need_bytes(const CLI::App& command, const char* option, const std::string& given);

// Options as the text that the library takes.
std::string dumped(const Json& options);

// An option's value as JSON where it is that (0.35, true, [1,2]), and as a text elsewhere.
Json option_value(const std::string& value);
// An option of the command that takes "name=value" and may be repeated.
CLI::Option* add_assignments(CLI::App& command, const char* name, std::vector<std::string>& values,
                             const std::string& help);
// Adds what such an option was given to an object of options.
void add_options(Json& options, const std::vector<std::string>& assignments);

constexpr int64_t largest_side = 16384; // of an image, in pixels

// The options of an architecture that have flags of their own.
struct ModelOptions {
    std::optional<double> width;
    std::optional<int> resolution, classes, channels;
    std::string preset, norm;
    std::vector<std::string> more;

    void add_to(CLI::App& command);
    void add_without_data_to(CLI::App& command); // and what a data set would say: classes and channels
    Json json() const;
};

// Images at a time where nobody says how many (0).
inline int batch_of(int given, bool training) { return given > 0 ? given : training ? 8 : 1; }

// The model that a user names: a file, or an architecture, which is built with these options.
Model named_model(lem_device* device, const std::string& name, const Json& options);

struct DatasetInfo {
    int64_t size = 0;
    int height = 0, width = 0, channels = 0, classes = 0;
    std::vector<std::string> class_names;
    bool detects = false; // the images have boxes
    int64_t boxes = 0;
    std::vector<std::string> skipped = {}; // what was left out: how much, and the first sentences

    int64_t image_bytes() const { return int64_t(height) * width * channels; }
};
DatasetInfo info_of(lem_dataset* dataset);

struct ModelInfo {
    std::string name;
    int height = 0, width = 0, channels = 0, classes = 0;
    int64_t parameters = 0, macs = 0;
    std::vector<std::string> class_names;
    bool detects = false; // objects; otherwise it classifies
};
ModelInfo info_of(lem_model* model);

// What a model reaches on a data set: of a classifier images, correct, accuracy, loss and seconds, of a detector what
// lem_model_evaluate_boxes() gives. batch 0: chosen by the library. precision: as a predictor's; empty: f32.
Json measure(lem_model* model, lem_dataset* dataset, int batch = 0, const std::string& precision = {});
void add_precision_option(CLI::App& command, std::string& precision); // of predictors
std::string summary_of(const Json& measured); // in a line

// A data set for a model that exists: folders of images are scaled to its input.
Dataset open_dataset_for(const ModelInfo& model, const std::string& path, const std::string& split);

} // namespace lemnos::cli
