// lemnos train: a model from a data set.
#include "command.h"
#include "metrics_file.h"
#include "progress.h"
#include "recipe.h"
#include "terminal.h"
#include "text.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <system_error>

#include <unistd.h>

namespace lemnos::cli {

namespace {

namespace fs = std::filesystem;

struct Options {
    std::string data, task, model, init, class_names;
    std::optional<int> channels, image_size; // pixels of a side
    ModelOptions architecture;

    Recipe recipe;
    std::optional<int64_t> seed, crop;
    std::optional<double> label_smoothing, clip_norm, average;
    bool flip = false, skip_bad = false;
    std::string precision, memory_limit;
    std::vector<std::string> trainer_options;

    std::string out = "model.safetensors", checkpoint, metrics, events, resume, device;
    bool resumes = false, as_json = false;
    int64_t checkpoint_every = 0, eval_every = 1;
    std::string again; // the command that goes on with this training
};

// ---- options as the library takes them --------------------------------------------------------------------

Json trainer_json(const Options& options) {
    Json given = options.recipe.trainer_json();
    set(given, "seed", options.seed);
    set(given, "label_smoothing", options.label_smoothing);
    set(given, "crop", options.crop);
    set(given, "clip_norm", options.clip_norm);
    set(given, "average", options.average);
    if (options.flip) given["flip"] = true;
    if (!options.precision.empty()) given["precision"] = options.precision;
    if (!options.events.empty()) given["events"] = options.events;
    if (!options.memory_limit.empty()) given["memory_limit"] = bytes_from(options.memory_limit);
    add_options(given, options.trainer_options);
    return given;
}

// A form of the model for images of that size, where the model has such forms.
std::string preset_for(const std::string& model, int size) {
    const char* wanted = size <= 30   ? "small28"
                         : size <= 48 ? "small32"
                         : size <= 96 ? "small64"
                                      : "imagenet";
    const Json preset = described("model", model, "preset");
    if (!preset.is_object() || !preset.contains("choices")) return "";
    const auto choices = preset["choices"].get<std::vector<std::string>>();
    return std::find(choices.begin(), choices.end(), wanted) != choices.end() ? wanted : "";
}

Json dataset_json(const Options& options) {
    Json given = Json::object();
    if (options.image_size) given["height"] = given["width"] = *options.image_size;
    set(given, "channels", options.channels);
    if (options.skip_bad) given["skip_bad"] = true;
    if (!options.class_names.empty()) {
        Json names = Json::array();
        for (size_t at = 0; at <= options.class_names.size();) {
            const size_t comma = std::min(options.class_names.find(',', at), options.class_names.size());
            if (comma == at)
                throw Failure("The option --class-names has an empty name (\"" + options.class_names +
                              "\").");
            names.push_back(options.class_names.substr(at, comma - at));
            at = comma + 1;
        }
        given["class_names"] = std::move(names);
    }
    return given;
}

Dataset open_training_data(const Options& options) {
    Dataset dataset;
    const lem_result result =
        lem_dataset_open(options.data.c_str(), "train", dumped(dataset_json(options)).c_str(), dataset.out());
    const std::string sentence = result < 0 ? lem_last_error() : "";
    // What else can be wrong with these arguments is said by the sentence itself.
    if (sentence.find("need a height and a width") != std::string::npos)
        throw Failure(sentence + " The option --resolution gives it.");
    check(result);
    return dataset;
}

// The split that the model is tested on; null where the data set has none.
Dataset open_test_data(const Options& options, std::string& split) {
    for (const char* name : {"test", "val"}) {
        Dataset dataset;
        const lem_result result = lem_dataset_open(options.data.c_str(), name,
                                                   dumped(dataset_json(options)).c_str(), dataset.out());
        split = name;
        if (result >= 0) return dataset;
        if (result != LEM_ERROR_NOT_FOUND && result != LEM_ERROR_INVALID_ARGUMENT) check(result);
    }
    return {};
}

// ---- the training -----------------------------------------------------------------------------------------

class Training {
  public:
    explicit Training(const Options& options)
        : options_(options), lines_(options.as_json ? stderr : stdout), progress_(lines_) {}

    int run() {
        check_folders();
        prepare();
        MetricsFile metrics(options_.metrics, options_.resumes ? position_.step : -1);
        metrics_ = &metrics;
        while (!stop_requested()) {
            if (next_step()) continue;
            finish();
            return 0;
        }
        return interrupted();
    }

  private:
    bool detects() const { return options_.task == "detect"; }

    void say(const char* label, const std::string& text) {
        progress_.line(std::string(label) + std::string(12 - std::string(label).size(), ' ') + text);
    }

    // What cannot be written at the end should be known at the beginning.
    void check_folders() const {
        for (const std::string* path : {&options_.out, &options_.checkpoint, &options_.metrics}) {
            const fs::path folder = fs::path(*path).parent_path();
            std::error_code error;
            if (!folder.empty() && !fs::is_directory(folder, error))
                throw Failure("The folder \"" + folder.string() + "\" of the file \"" + *path +
                              "\" does not exist.");
            if (fs::is_directory(*path, error)) throw Failure("The file \"" + *path + "\" is a folder.");
            if (path == &options_.metrics) continue; // is opened before the first step
            if (fs::exists(*path, error) && !fs::is_regular_file(*path, error))
                throw Failure("The file \"" + *path + "\" is no regular file.");
            if (access(folder.empty() ? "." : folder.c_str(), W_OK) != 0)
                throw Failure("The file \"" + *path +
                              "\" cannot be written: " + std::generic_category().message(errno) + ".");
        }
        check_different("--out", options_.out, "--metrics", options_.metrics);
        check_different("--out", options_.out, "--checkpoint", options_.checkpoint);
        check_different("--metrics", options_.metrics, "--checkpoint", options_.checkpoint);
    }

    static void check_different(const char* option, const std::string& path, const char* other,
                                const std::string& other_path) {
        std::error_code error;
        const auto target = [&](const std::string& name) {
            return fs::weakly_canonical(fs::absolute(name, error), error);
        };
        if (target(path) == target(other_path))
            throw Failure(std::string("The options ") + option + " and " + other + " name one file (\"" +
                          path + "\").");
    }

    void prepare() {
        device_ = open_device(options_.device);
        const Json device = json([&](lem_text** out) { return lem_device_info_json(device_, out); });
        say("device",
            device["name"].get<std::string>() + ", Vulkan " + device["api_version"].get<std::string>());

        progress_.doing("Reading the data set ...");
        data_ = open_training_data(options_);
        test_ = open_test_data(options_, split_);
        const DatasetInfo info = info_of(data_);
        images_ = info.size;
        if (info.detects != detects())
            throw Failure("The images of \"" + options_.data + (detects() ? "\" have no boxes; --task detect needs them."
                                                                         : "\" have boxes: they are for --task detect."));
        for (size_t i = 0; i < info.skipped.size(); ++i) say(i ? "" : "left out", info.skipped[i]);
        if (info.height != info.width)
            throw Failure("The images of \"" + options_.data + "\" are " +
                          product({info.height, info.width}) + " (height and width must be equal).");
        if (info.classes < 2 && !detects())
            throw Failure("The images of \"" + options_.data + "\" are of one class, \"" +
                          info.class_names.at(0) + "\" (at least 2 are needed).");
        if (test_) check_test_data(info, info_of(test_));
        say("data", options_.data + ": " + thousands(info.size) + " images of " +
                        product({info.height, info.width, info.channels}) + ", " + thousands(info.classes) +
                        " classes" + (info.detects ? ", " + thousands(info.boxes) + " boxes" : "") + (test_ ? "; " + thousands(info_of(test_).size) + " to test on" : ""));
        build_model(info);
        build_trainer();
    }

    void check_test_data(const DatasetInfo& train, const DatasetInfo& test) const {
        const auto shape = [](const DatasetInfo& info) {
            return product({info.height, info.width, info.channels});
        };
        if (shape(test) != shape(train))
            throw Failure("The " + split_ + " images of \"" + options_.data + "\" are " + shape(test) +
                          ", and those of train " + shape(train) + ".");
    }

    void build_model(const DatasetInfo& info) {
        Json given = options_.architecture.json();
        std::string preset = options_.architecture.preset;
        if (preset.empty() && !given.contains("preset")) preset = preset_for(options_.model, info.height);
        if (!preset.empty()) given["preset"] = preset;
        const auto take = [&](const char* name,
                              int value) { // what the data says, where the model asks for it
            if (!described("model", options_.model, name).is_object()) return;
            if (given.contains(name) && given[name] != value && given[name] != 0)
                throw Failure(std::string("The model's option ") + name + " (" + dumped(given[name]) +
                              ") is not what the data set has (" + std::to_string(value) + ").");
            given[name] = value;
        };
        take("resolution", info.height);
        take("channels", info.channels);
        take("classes", info.classes);
        check(lem_model_build(device_, options_.model.c_str(), dumped(given).c_str(),
                              options_.seed.value_or(1), model_.out()));
        check(lem_model_prepare(model_, data_));
        initialise();
        const ModelInfo model = info_of(model_);
        parameters_ = model.parameters, macs_ = model.macs;
        say("model", model.name + (preset.empty() ? "" : " (" + preset + ")") + ": " +
                         thousands(parameters_) + " parameters, " + thousands(macs_) + " MACs");
    }

    // Weights of another training, where they fit.
    void initialise() {
        if (options_.init.empty()) return; // when resuming too: the preparation of pixels is the file's
        const Json report = json([&](lem_text** out) { return lem_model_load_matching(model_, options_.init.c_str(), out); });
        const int64_t loaded = report["loaded"], all = loaded + int64_t(report["differ"].size() + report["absent"].size());
        std::string others;
        const auto list = [&](const char* kind, const char* label) {
            std::string names;
            for (const Json& entry : report[kind]) {
                const auto name = entry.get<std::string>();
                names += (names.empty() ? "" : ", ") + name.substr(0, name.find(' '));
            }
            if (!names.empty()) others += std::string("; ") + label + " " + shortened(names, 100);
        };
        list("differ", "of another shape:");
        list("absent", "not in it:");
        if (!report["unused"].empty()) others += "; " + thousands(int64_t(report["unused"].size())) + " of its own not used";
        say("initial", options_.init + ": " + thousands(loaded) + " of " + thousands(all) + " tensors" +
                           (report["pixels"] ? " and the preparation of pixels" : "") + others);
    }

    void build_trainer() {
        const Optimizer optimizer = options_.recipe.make_optimizer();
        const Schedule schedule = options_.recipe.make_schedule();
        progress_.doing("Compiling the model for the device ...");
        const Json trainer = trainer_json(options_);
        check(
            lem_trainer_create(model_, data_, optimizer, schedule, dumped(trainer).c_str(), trainer_.out()));
        const auto given_or_default = [&](const Json& given, const char* kind, const std::string& entry,
                                          const char* name) {
            return given.contains(name) ? given[name] : described(kind, entry, name)["default"];
        };
        const Json epochs = given_or_default(trainer, "trainer", "trainer", "epochs");
        const Json batch = given_or_default(trainer, "trainer", "trainer", "batch");
        const Json rate = given_or_default(options_.recipe.optimizer_json(), "optimizer", options_.recipe.optimizer, "rate");
        const Json average = given_or_default(trainer, "trainer", "trainer", "average");
        averages_ = average.is_number() && average > 0;
        read_progress(true);
        epochs_ = epochs.get<int64_t>();
        rows_every_ = std::max<int64_t>(1, position_.steps / epochs_ / 20);
        say("training", thousands(epochs_) + (epochs_ == 1 ? " epoch, " : " epochs, ") + thousands(position_.steps) +
                            " steps, " + thousands(batch.get<int64_t>()) + " images a step; " +
                            options_.recipe.optimizer + ", " + options_.recipe.schedule + ", rate " + rate.dump());
        if (!options_.resumes) return;
        check(lem_trainer_resume(trainer_, options_.resume.c_str()));
        read_progress(true);
        say("resumed",
            options_.resume + ": step " + thousands(position_.step) + " of " + thousands(position_.steps));
        first_step_ = position_.step;
        first_images_ = position_.images;
    }

    void read_progress(bool wait) {
        position_ = LEM_PROGRESS_INIT;
        check(lem_trainer_progress(trainer_, wait, &position_));
    }

    // One step, and what is due after it; false when there is none left.
    bool next_step() {
        const auto start = clock::now();
        const int64_t epoch = position_.next_epoch, batch = position_.batch;
        if (check(lem_trainer_step(trainer_)) == LEM_FINISHED) return false;
        ++steps_done_;
        const int64_t step = first_step_ + steps_done_;
        read_progress(false);
        const bool ends_epoch = position_.next_epoch > epoch;
        if (ends_epoch) read_progress(true);
        seconds_ += std::chrono::duration<double>(clock::now() - start).count();
        // In an epoch's first steps the device may still be finishing the one before.
        if ((ends_epoch || step % rows_every_ == 0) && position_.images > 0 && position_.epoch == epoch)
            metrics_->add_train(position_, detects(), seconds_);
        if (ends_epoch)
            progress_.line(line_text(state()));
        else if (progress_.due())
            progress_.show(state());
        if (position_.batch != batch && position_.next_epoch < epochs_)
            say("batch", thousands(position_.batch) + " images a step from here on");
        if (ends_epoch && options_.eval_every > 0 && position_.next_epoch % options_.eval_every == 0 &&
            position_.next_epoch < epochs_)
            test(averages_);
        if (options_.checkpoint_every > 0 && step % options_.checkpoint_every == 0)
            check(lem_trainer_save(trainer_, options_.checkpoint.c_str()));
        return true;
    }

    TrainingState state() const {
        TrainingState state{position_.epoch,
                            epochs_,
                            position_.step,
                            position_.steps,
                            position_.images,
                            position_.loss,
                            detects() ? -1 : position_.accuracy,
                            position_.images_per_second,
                            -1};
        const int64_t images = position_.images - first_images_, all = images_ * epochs_;
        if (steps_done_ >= 3 && images > 0)
            state.seconds_left = seconds_ / double(images) * double(std::max<int64_t>(0, all - position_.images));
        return state;
    }

    // With `exchanged`, the averaged weights take the place of the last ones for the time of the test.
    void test(bool exchanged) {
        if (!test_) return;
        progress_.doing("Testing ...");
        if (exchanged) check(lem_trainer_swap_average(trainer_));
        tested_ = measure(model_, test_);
        if (exchanged) check(lem_trainer_swap_average(trainer_));
        metrics_->add_test(split_, position_, tested_, seconds_);
        if (!options_.events.empty())
            for (const char* name : {"accuracy", "loss", "map_50", "map_coco"})
                if (tested_.contains(name)) check(lem_trainer_log(trainer_, (split_ + "/" + name).c_str(), tested_[name]));
        say("test", summary_of(tested_));
    }

    void finish() {
        read_progress(true);
        progress_.doing("Writing the model ...");
        if (averages_) check(lem_trainer_swap_average(trainer_));
        check(lem_model_save(model_, options_.out.c_str()));
        test(false);
        if (position_.skipped_steps > 0)
            say("skipped", thousands(position_.skipped_steps) + " steps whose gradients were not finite");
        const double speed = seconds_ > 0 ? double(steps_done_) / seconds_ * double(position_.images) /
                                                double(std::max<int64_t>(position_.step, 1))
                                          : 0;
        say("trained", duration(seconds_) + (steps_done_ > 0 ? ", " + fixed(speed, 0) + " images/s" : ""));
        say("written", options_.out + ", " + options_.metrics);
        if (options_.as_json) {
            Json result{{"model", options_.out},
                        {"metrics", options_.metrics},
                        {"parameters", parameters_},
                        {"macs", macs_},
                        {"epochs", epochs_},
                        {"steps", position_.steps},
                        {"seconds", seconds_},
                        {"images_per_second", speed},
                        {"train", {{"loss", position_.loss}}},
                        {"test", nullptr}};
            if (!detects()) result["train"]["accuracy"] = position_.accuracy;
            if (test_) {
                result["test"] = {{"split", split_}};
                result["test"].update(tested_);
            }
            std::cout << result.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
        }
    }

    int interrupted() {
        progress_.clear();
        check(lem_trainer_save(trainer_, options_.checkpoint.c_str()));
        read_progress(true);
        std::fprintf(stderr, "lemnos: Stopped at step %s of %s. To go on:\n  %s\n",
                     thousands(position_.step).c_str(), thousands(position_.steps).c_str(),
                     options_.again.c_str());
        return stopped_status;
    }

    using clock = std::chrono::steady_clock;
    const Options& options_;
    std::FILE* lines_;
    Progress progress_;
    Device device_;
    Dataset data_, test_;
    std::string split_;
    Model model_;
    Trainer trainer_;
    MetricsFile* metrics_ = nullptr;
    int64_t images_ = 0, parameters_ = 0, macs_ = 0; // images of an epoch
    int64_t epochs_ = 1, rows_every_ = 1;
    bool averages_ = false; // the model is the moving average of the weights
    int64_t first_step_ = 0, first_images_ = 0, steps_done_ = 0; // where this run began, and its steps
    double seconds_ = 0;                      // spent in them
    lem_progress position_ = LEM_PROGRESS_INIT;
    Json tested_; // the last measurement
};

// ---- the command ------------------------------------------------------------------------------------------

// "model.safetensors" with another ending.
std::string beside(const std::string& path, const char* ending) {
    return fs::path(path).replace_extension(ending).string();
}

std::string quoted(const std::string& argument) {
    const bool plain =
        !argument.empty() && argument.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                        "0123456789_-+=/.,:@%") == std::string::npos;
    if (plain) return argument;
    std::string text = "'";
    for (char c : argument) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return text + "'";
}

// The arguments as they were given, but for --resume.
std::string command_to_resume(const CLI::App& command, const Options& options) {
    std::string text = "lemnos train";
    for (const CLI::Option* option : command.get_options()) {
        if (option->count() == 0 || option->get_name() == "--resume") continue;
        if (option->get_expected_max() == 0)
            text += " " + option->get_name();
        else
            for (const std::string& value : option->results())
                text += " " + option->get_name() + " " + quoted(value);
    }
    return text + " --resume" +
           (options.checkpoint == beside(options.out, "checkpoint.safetensors")
                ? ""
                : " " + quoted(options.checkpoint));
}

} // namespace

// Which of task and model was not given follows from the other. The images of a detector are of its own size unless another
// is asked for.
static void choose_task(const CLI::App& command, Options& options) {
    if (!options.task.empty() && options.task != "classify" && options.task != "detect")
        misused(command, "The task \"" + options.task + "\" is not known (classify or detect).");
    if (options.model.empty()) options.model = options.task == "detect" ? "ssdlite_mobilenet_v2" : "mobilenet_v2";
    const Json model = json([&](lem_text** out) { return lem_summary_json(options.model.c_str(), dumped(options.architecture.json()).c_str(), out); });
    const std::string task = model["task"];
    if (options.task.empty()) options.task = task;
    if (task != options.task)
        misused(command, "The model " + options.model + " is made to " + task + " (the task is to " + options.task + ").");
    options.image_size = options.architecture.resolution;
    if (task == "detect") options.image_size = model["input"][0];
}

void add_train(CLI::App& app, Run& run) {
    CLI::App* command = app.add_subcommand(
        "train", "Trains a model on labelled images, or on images with boxes, writes it to a file, and tests it.");
    const auto options = std::make_shared<Options>();
    const auto add = [&](const char* group, const char* name, auto& value, const char* placeholder,
                         const std::string& help) { return add_value(*command, group, name, value, placeholder, help); };
    const auto trainer_help = [](const char* name) { return explained("trainer", "trainer", name); };

    add("Data", "--data", options->data, "DIR",
        "A folder with IDX files (MNIST and its kin), CIFAR-10 or CIFAR-100 binary files, or "
        "train/CLASS/*.png (or .jpg); to detect, boxes.csv, Pascal VOC or COCO.")
        ->required();
    add("Data", "--task", options->task, "NAME",
        "classify or detect: images with a class each, or with boxes; default: what the model is for (classify).");
    command->add_flag("--skip-bad", options->skip_bad, "Leave out images that cannot be read, and boxes that cannot be, and name them; "
                                                       "otherwise they are errors.")->group("Data");
    add("Data", "--class-names", options->class_names, "A,B,...",
        "Names of the classes in the order of their labels; default: what the data set calls them.");
    add("Data", "--channels", options->channels, "COUNT", "1 (grey) or 3 (RGB), for folders of images (3).");
    add("Data", "--crop", options->crop, "PIXELS", trainer_help("crop"));
    command->add_flag("--flip", options->flip, "Mirror images with probability 1/2.")->group("Data");

    add("Model", "--model", options->model, "NAME",
        "The architecture: " + names_of("model") + " (mobilenet_v2; to detect, ssdlite_mobilenet_v2).");
    options->architecture.add_to(*command);
    add("Model", "--init", options->init, "FILE",
        "Fine-tuning: begin with the weights of a file (safetensors) where names and shapes fit.");

    options->recipe.add_to(*command, "Data");
    add("Training", "--clip-norm", options->clip_norm, "NORM", trainer_help("clip_norm"));
    add("Training", "--average", options->average, "DECAY",
        "Decay of a moving average of the weights, which is what is tested and written; 0: none (0).");
    add("Training", "--label-smoothing", options->label_smoothing, "SHARE", trainer_help("label_smoothing"));
    add("Training", "--precision", options->precision, "NAME",
        "f32 or mixed: activations and gradients as f16, at half the size, and a scaled loss (f32).");
    add("Training", "--seed", options->seed, "NUMBER",
        "Of the first weights and of all that is random in training (1).");
    add("Training", "--memory-limit", options->memory_limit, "BYTES",
        "What activations may take, e.g. 300M or 2GiB; where they must, some are computed again instead of kept.");
    add_assignments(*command, "--trainer-option", options->trainer_options,
                    "Any other option of the training, for example loader_threads=2; may be repeated.")
        ->group("Training");

    add("Files", "--out", options->out, "FILE", "The model (model.safetensors).");
    add("Files", "--metrics", options->metrics, "FILE",
        "Loss and accuracy over time, as CSV; default: as --out, ending in .csv.");
    add("Files", "--events", options->events, "DIR", "A folder for event files with the curves, which TensorBoard shows.");
    add("Files", "--eval-every", options->eval_every, "EPOCHS",
        "Test after every so many epochs; 0: only at the end (1).");
    add("Files", "--checkpoint", options->checkpoint, "FILE",
        "Where Ctrl-C saves the training; default: as --out, ending in .checkpoint.safetensors.");
    add("Files", "--checkpoint-every", options->checkpoint_every, "STEPS",
        "Save it also after every so many steps; 0: never (0).");
    CLI::Option* resume = add(
        "Files", "--resume", options->resume, "[FILE]",
        "Go on with a training that was saved; the other options must be the same. Default: --checkpoint.");
    resume->expected(0, 1);
    command->add_flag("--json", options->as_json,
                      "Prints the result as JSON, and all else to standard error.");
    add_device_option(*command, options->device);
    command->footer(
        "Examples:\n"
        "  lemnos train --data /usr/share/datasets/fashion-mnist --width 0.35 --rate 0.008 --epochs 2\n"
        "  lemnos train --data cifar-10-batches-bin --epochs 30 --crop 4 --flip --keep-tail\n"
        "  lemnos train --data photos --resolution 224 --batch 32 --optimizer sgd --rate 0.05 \\\n"
        "      --momentum 0.9 --schedule cosine --warmup 0.05 --out photos.safetensors\n"
        "  lemnos train --data photos --init mobilenet_v2.safetensors --option padding=same \\\n"
        "      --trainer-option 'policies=* frozen; classifier.* rate=1' --trainer-option 'frozen_statistics=*'\n"
        "  lemnos train --task detect --data pets --init mobilenet_v2.safetensors --batch 16 --epochs 40\n"
        "  lemnos train --data photos --resolution 224 --batch 64 --precision mixed\n"
        "  lemnos train --data photos --resolution 224 --resume      (after Ctrl-C)");
    command->callback([=, &run] {
        need_bytes(*command, "--memory-limit", options->memory_limit);
        options->resumes = resume->count() > 0;
        if (options->checkpoint.empty()) options->checkpoint = beside(options->out, "checkpoint.safetensors");
        if (options->metrics.empty()) options->metrics = beside(options->out, "csv");
        if (options->resume.empty()) options->resume = options->checkpoint;
        options->again = command_to_resume(*command, *options);
        choose_task(*command, *options);
        run = [options] {
            listen_for_stop();
            return Training(*options).run();
        };
    });
}

} // namespace lemnos::cli
