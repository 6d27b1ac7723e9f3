// An architecture: the graph of a network in its neutral form, without a device and for one image. Its normalisation
// nodes are "batch_norm" with running statistics as states, or "normalisation" where these are not used; its dropout nodes read the leaves "sample_index" and "step".
// instantiate() turns it into what is trained or run.
#pragma once

#include "models/detection.h"
#include "models/precision.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lemnos {

// How 8-bit pixels become the network's input: (pixel / 255 - mean) / deviation, per channel.
struct PixelPreparation {
    std::vector<double> mean, deviation;
};

struct Architecture {
    std::string name;
    Graph graph;
    Value image;  // the leaf "image": f32 [1, height, width, channels]
    Value logits; // f32 [1, classes]; of a detector [1, anchors, 1 + classes]
    std::optional<Detection> detection;
    Value auxiliary = {}; // f32 [1, classes]: a second classifier, which training alone uses; empty: there is none
    PixelPreparation pixels;
    std::vector<std::string> class_names; // empty: numbers
    // Inference example weighing (arXiv 1906.03548): how much an image's own moments count in each layer of batch
    // normalisation, by the layer's name; 0 where there is no entry.
    std::map<std::string, double> alpha;
    int64_t trained_together = 0; // images that such layers took together in the last training; 0: not known

    int64_t height() const { return graph.shape(image)[1]; }
    int64_t width() const { return graph.shape(image)[2]; }
    int64_t channels() const { return graph.shape(image)[3]; }
    int64_t classes() const { return graph.type(logits).channels() - (detection ? 1 : 0); }
    // The classes' names; their numbers where they have none.
    std::vector<std::string> labels() const {
        std::vector<std::string> labels = class_names;
        while (int64_t(labels.size()) < classes()) labels.push_back(std::to_string(labels.size()));
        return labels;
    }
};

// A family of architectures that is built by name.
struct ArchitectureBuilder {
    const char* name = "";
    const char* summary = "";
    std::vector<AttributeSpec> options;
    Architecture (*build)(const Attributes& options) = nullptr;
};

// All builders, in the order of models.def.
std::span<const ArchitectureBuilder> all_architectures();
// Checks the options and builds; an unknown name or option is refused with the nearest known one.
Architecture build_architecture(const std::string& name, Attributes options);

// ---- counts ---------------------------------------------------------------------------------------------------------

struct LayerSummary {
    std::string name;      // a module of the network, e.g. "features.3"
    std::string operators; // e.g. "conv2d, batch_norm"
    Shape output;
    int64_t parameters = 0;
    int64_t macs = 0;
};

struct Summary {
    std::vector<LayerSummary> layers;
    int64_t parameters = 0; // weights, biases, gammas and betas; running statistics do not count
    int64_t macs = 0;       // of convolutions and linear layers, for one image
};
Summary summarise(const Architecture& architecture);

// ---- what is run ----------------------------------------------------------------------------------------------------

enum class Mode { inference, training };

// The architecture for a batch, in one of two modes. Training: batch statistics, dropout. Inference: running statistics.
struct Network {
    Graph graph;
    Value image;                 // leaf f32 [batch, height, width, channels], where pixels are not prepared
    Value pixels;                // leaf u8 [batch, height, width, channels], where they are
    Value sample_index, step;    // leaves i32 [batch], i32 [4], in training
    Value valid;                 // leaf f32 [1]: examples that count, in training
    Value logits;                // f32 [batch, classes], or [batch, anchors, 1 + classes]
    Value boxes;                 // f32 [batch, anchors, 4], of a detector
    Value auxiliary;             // the same, of the second classifier; in training
    std::vector<Value> parameters, states; // leaves, in the architecture's order
    struct Moments {             // of one normalisation: where its batch statistics go
        Value mean, variance;    // results, of this batch
        Value running_mean, running_variance; // states
    };
    std::vector<Moments> moments;
    struct Weight {              // with `weigh`: the alpha of a layer
        Value alpha;             // leaf f32 [1]
        std::string layer;
    };
    std::vector<Weight> weights;
    struct Folded {              // a normalisation that became part of the convolution before it; see folding.h
        Value filter, bias;      // leaves: the convolution's; no bias where another part of it has that
        int32_t convolution, normalisation; // nodes of the architecture
        struct Range {
            int64_t first = 0, count = 0; // 0: all
        } channels, inputs;      // the part of the convolution that this is
    };
    std::vector<Folded> folded;
    // A convolution, one of each channel by itself and a projection 1 x 1, in this order and with nothing else that sees what
    // lies between them: such a transform may run in groups of its inner channels (MobileNetV2, arXiv 1801.04381, section 5.1).
    struct Transform {
        std::string name;
        int64_t channels;        // inner ones
        int64_t groups;
        std::vector<int32_t> nodes; // of the graph
    };
    std::vector<Transform> transforms; // of a folded network, in order
};

struct NetworkOptions {
    Mode mode = Mode::inference;
    int64_t batch = 1;
    bool prepare_pixels = true; // begin with 8-bit pixels
    std::optional<PixelPreparation> pixels = {}; // other than the architecture's
    bool fold = false;          // inference: normalisations become part of the convolutions before them
    // Folded: the groups that each transform's channels are cut into, in the transforms' order; where there is no entry: 1.
    std::vector<int64_t> channel_groups = {};
    bool weigh = false;         // inference: the images' own moments count, by alphas that are inputs; folds nothing
    int64_t crop_padding = 0;   // training: random crops out of the padded image
    bool flip = false;          // training: mirrored with probability 1/2
    int64_t ghost = 0;          // training: examples that batch normalisation takes together; 0: as the architecture says
    std::vector<std::string> frozen_statistics = {}; // training: normalisations that use their running statistics
    Precision precision = Precision::f32;
};
Network instantiate(const Architecture& architecture, const NetworkOptions& options);

} // namespace lemnos
