// The published SSD on MobileNetV2 (Open Images V4, 23 classes) as a model of ours: TensorFlow's names become ours, and biases
// that normalisations became part of become normalisations again that change nothing.
#pragma once

#include "models/model.h"
#include "support/text.h"

#include <cmath>
#include <fstream>

namespace lemnos::test {

// The module of our network, and of its normalisation (none: a convolution with a bias).
inline std::pair<std::string, std::string> ssd_module(const std::string& name) {
    const auto number_after = [&](const std::string& prefix) { return std::stoi(name.substr(prefix.size())); };
    const auto ends = [&](const char* end) { return name.ends_with(end); };
    if (name == "Conv") return {"features.0.0", "features.0.1"};
    if (name == "Conv_1") return {"features.18.0", "features.18.1"};
    if (name.starts_with("expanded_conv")) {
        const bool first = !name.starts_with("expanded_conv_");
        const std::string block = text("features.", first ? 1 : number_after("expanded_conv_") + 1, ".conv.");
        if (ends("expand")) return {block + "0.0", block + "0.1"};
        if (ends("depthwise")) return {block + (first ? "0.0" : "1.0"), block + (first ? "0.1" : "1.1")};
        return {block + (first ? "1" : "2"), block + (first ? "2" : "3")};
    }
    if (name.starts_with("BoxPredictor_"))
        return {text(ends("BoxEncodingPredictor") ? "head.boxes." : "head.classes.", number_after("BoxPredictor_"), ".1"), ""};
    const bool squeezes = name.starts_with("layer_19_1");
    const std::string extra = text("extra.", number_after("layer_19_1_Conv2d_") - 2, squeezes ? ".0" : ".1");
    return {extra + ".0", extra + ".1"};
}

inline std::shared_ptr<Model> ssd_mobilenet_v2(std::shared_ptr<Device> device, const std::string& weights, const std::string& labels) {
    auto model = std::make_shared<Model>(std::move(device),
                                         build_architecture("ssdlite_mobilenet_v2", {{"prediction", std::string("pointwise")},
                                                                                     {"resolution", int64_t(300)},
                                                                                     {"classes", int64_t(23)}}));
    model->initialise(1);
    const SafetensorsFile file = SafetensorsFile::open(weights);
    for (const TensorEntry& tensor : file.tensors()) {
        const size_t dot = tensor.name.rfind('.');
        const auto [convolution, norm] = ssd_module(tensor.name.substr(0, dot));
        const std::string kind = tensor.name.substr(dot + 1);
        model->write((kind == "weight" || norm.empty() ? convolution : norm) + "." + kind, file.read_f32(tensor.name));
        if (kind == "bias" && !norm.empty())
            model->write(norm + ".weight", std::vector<float>(size_t(tensor.shape[0]), float(std::sqrt(1 + 1e-5))));
    }
    std::vector<std::string> names;
    std::ifstream lines(labels);
    for (std::string line; std::getline(lines, line);) names.push_back(line);
    model->set_class_names({names.begin() + 1, names.end()}); // the first is the background
    return model;
}

} // namespace lemnos::test
