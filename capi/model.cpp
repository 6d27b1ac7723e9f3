// Models: architectures with their parameters.
#include "graph/json.h"
#include "guard.h"
#include "options.h"

#include <cmath>

using namespace lemnos;
using namespace lemnos::capi;

static Architecture build(const char* name, const char* options) {
    const std::string wanted = need_name(name, "name");
    return build_architecture(wanted, attributes_from_json(optional_string(options), text("Model ", wanted)));
}

// Shapes are those of one image, without the batch.
static Json describe_shape(const Shape& shape) {
    return shape.empty() ? Json::array() : Json(Shape(shape.begin() + 1, shape.end()));
}

static const char* task_of(const Architecture& architecture) { return architecture.detection ? "detect" : "classify"; }

static Json describe(const Architecture& architecture) {
    const Summary summary = summarise(architecture);
    Json layers = Json::array();
    for (const LayerSummary& layer : summary.layers)
        layers.push_back({{"name", layer.name},
                          {"operators", layer.operators},
                          {"output", describe_shape(layer.output)},
                          {"parameters", layer.parameters},
                          {"macs", layer.macs}});
    Json json{{"name", architecture.name},
              {"task", task_of(architecture)},
              {"parameters", summary.parameters},
              {"macs", summary.macs},
              {"input", {architecture.height(), architecture.width(), architecture.channels()}},
              {"classes", architecture.classes()}};
    if (architecture.detection) json["anchors"] = architecture.detection->anchors();
    json["layers"] = std::move(layers);
    return json;
}

lem_result lem_summary_json(const char* name, const char* options, lem_text** out) {
    return guarded([&] {
        clear(out);
        give_text(out, dump(describe(build(name, options))));
    });
}

lem_result lem_model_build(lem_device* device, const char* name, const char* options, int64_t seed,
                           lem_model** out) {
    return guarded([&] {
        clear(out);
        need(device, "device");
        need(out, "out");
        const auto lock = enter(*device);
        auto model = std::make_shared<Model>(device->device, build(name, options));
        model->initialise(uint64_t(seed));
        *out = new lem_model(*device, std::move(model));
    });
}

lem_result lem_model_load(lem_device* device, const char* path, lem_model** out) {
    return guarded([&] {
        clear(out);
        need(device, "device");
        need(out, "out");
        const std::string file = need_string(path, "path");
        const auto lock = enter(*device);
        *out = new lem_model(*device, Model::load(device->device, file));
    });
}

lem_result lem_model_load_weights(lem_model* model, const char* path) {
    return guarded([&] {
        need(model, "model");
        const std::string file = need_string(path, "path");
        const auto lock = enter(*model);
        model->model->load_weights(file);
    });
}

lem_result lem_model_load_matching(lem_model* model, const char* path, lem_text** out_report) {
    return guarded([&] {
        if (out_report) clear(out_report);
        need(model, "model");
        const std::string file = need_string(path, "path");
        const auto lock = enter(*model);
        const MatchReport report = model->model->load_matching(file);
        if (out_report)
            give_text(out_report, dump({{"loaded", report.loaded}, {"pixels", report.pixels}, {"absent", report.absent}, {"differ", report.differ}, {"unused", report.unused}}));
    });
}

lem_result lem_model_save(lem_model* model, const char* path) {
    return guarded([&] {
        need(model, "model");
        const std::string file = need_string(path, "path");
        const auto lock = enter(*model);
        model->model->save(file);
    });
}

void lem_model_retain(lem_model* model) { retain(model); }
void lem_model_release(lem_model* model) { release(model); }

lem_result lem_model_summary_json(lem_model* model, lem_text** out) {
    return guarded([&] {
        clear(out);
        const Architecture& architecture = need(model, "model").model->architecture();
        Json json = describe(architecture);
        json["class_names"] = architecture.labels();
        json["mean"] = architecture.pixels.mean;
        json["deviation"] = architecture.pixels.deviation;
        give_text(out, dump(json));
    });
}

lem_result lem_model_input(lem_model* model, int32_t* out_height, int32_t* out_width, int32_t* out_channels,
                           int32_t* out_classes) {
    return guarded([&] {
        clear(out_height, out_width, out_channels, out_classes);
        const Architecture& architecture = need(model, "model").model->architecture();
        if (out_height) *out_height = int32_t(architecture.height());
        if (out_width) *out_width = int32_t(architecture.width());
        if (out_channels) *out_channels = int32_t(architecture.channels());
        if (out_classes) *out_classes = int32_t(architecture.classes());
    });
}

lem_result lem_model_set_pixels(lem_model* model, const double* mean, const double* deviation,
                                int32_t channels) {
    return guarded([&] {
        Model& target = *need(model, "model").model;
        const int64_t needed = target.architecture().channels();
        need_range(channels, 1, INT32_MAX, "channels");
        need_bytes(channels, needed, "channels");
        const std::span<const double> means = need_array(mean, channels, "mean"),
                                      deviations = need_array(deviation, channels, "deviation");
        for (size_t i = 0; i < means.size(); ++i) {
            require(std::isfinite(means[i]), "The mean of channel ", i, " (", means[i],
                    ") is not a finite number.");
            require(std::isfinite(deviations[i]) && deviations[i] > 0, "The deviation of channel ", i, " (",
                    deviations[i], ") is not a finite number above 0.");
        }
        target.set_pixels({{means.begin(), means.end()}, {deviations.begin(), deviations.end()}});
    });
}

// Pictures beyond these change a mean very little, and a folder of images takes long to read.
static constexpr int64_t most_sampled_images = 10000;
// Of a channel that is the same everywhere; anything above zero would do.
static constexpr double least_deviation = 1.0 / 255;

std::vector<std::string> lemnos::capi::class_names_from(const Json& json, const std::string& owner) {
    require(json.is_array() && !json.empty(), owner, " must be a list of texts.");
    std::vector<std::string> names;
    for (const Json& name : json) {
        require(name.is_string(), owner, " must hold texts alone.");
        names.push_back(name.get<std::string>());
    }
    return names;
}

lem_result lem_model_set_class_names(lem_model* model, const char* names) {
    return guarded([&] {
        Model& target = *need(model, "model").model;
        std::vector<std::string> given = class_names_from(Json::parse(need_string(names, "names"), nullptr, false), "The class names");
        const int64_t classes = target.architecture().classes();
        require(int64_t(given.size()) == classes, "There are ", given.size(), " class names for ", classes, " classes.");
        const auto lock = enter(*model);
        target.set_class_names(std::move(given));
    });
}

lem_result lem_model_prepare(lem_model* model, lem_dataset* dataset) {
    return guarded([&] {
        Model& target = *need(model, "model").model;
        const Dataset& source = *need(dataset, "dataset").dataset;
        require_fit(target.architecture(), source);
        std::vector<std::string> names = source.class_names();
        for (int64_t i = int64_t(names.size()); i < target.architecture().classes(); ++i)
            names.push_back(text(i));
        for (size_t i = 0; i < names.size(); ++i) // a model's file could not hold it
            require(is_utf8(names[i]), "The name of class ", i, " is not UTF-8.");
        target.set_class_names(std::move(names));
        if (target.architecture().detection) return;
        PixelStatistics statistics = pixel_statistics(source, most_sampled_images);
        for (double& deviation : statistics.deviation) deviation = std::max(deviation, least_deviation);
        target.set_pixels({std::move(statistics.mean), std::move(statistics.deviation)});
    });
}

lem_result lem_model_set_alpha(lem_model* model, const char* layers, double alpha) {
    return guarded([&] {
        need(model, "model");
        const std::string pattern = need_name(layers, "layers");
        const auto lock = enter(*model);
        model->model->set_alpha(pattern, alpha);
    });
}

lem_result lem_model_alpha_json(lem_model* model, lem_text** out) {
    return guarded([&] {
        clear(out);
        const Architecture architecture = need(model, "model").model->snapshot();
        Json layers = Json::array();
        for (const Node& node : architecture.graph.nodes()) {
            if (!node.op || std::string_view(node.op->name) != "batch_norm") continue;
            const auto found = architecture.alpha.find(node.name);
            layers.push_back({{"name", node.name}, {"alpha", found == architecture.alpha.end() ? 0.0 : found->second}});
        }
        const int64_t together = architecture.trained_together;
        give_text(out, dump({{"proposal", together > 0 ? 1.0 / double(together) : 0.0}, {"layers", std::move(layers)}}));
    });
}

lem_result lem_model_read(lem_model* model, const char* parameter, float* out, int64_t elements) {
    return guarded([&] {
        need(model, "model");
        const std::string name = need_name(parameter, "parameter");
        need_range(elements, 0, INT64_MAX, "elements");
        const std::span<float> target = need_array(out, elements, "out");
        const auto lock = enter(*model);
        const std::vector<float> values = model->model->read(name);
        need_bytes(elements, int64_t(values.size()), "elements");
        std::copy(values.begin(), values.end(), target.begin());
    });
}

lem_result lem_model_write(lem_model* model, const char* parameter, const float* values, int64_t elements) {
    return guarded([&] {
        need(model, "model");
        const std::string name = need_name(parameter, "parameter");
        need_range(elements, 0, INT64_MAX, "elements");
        const std::span<const float> given = need_array(values, elements, "values");
        const auto lock = enter(*model);
        model->model->write(name, {given.begin(), given.end()});
    });
}
