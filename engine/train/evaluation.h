// Running a model: over a data set for its accuracy, or on pixels for class probabilities. Normalisations are folded.
#pragma once

#include "data/dataset.h"
#include "models/channel_groups.h"
#include "models/folding.h"

namespace lemnos {

struct Metrics {
    int64_t images = 0, correct = 0;
    double loss_sum = 0; // of cross-entropies
    double seconds = 0;
    double loss() const { return images ? loss_sum / double(images) : 0; }
    double accuracy() const { return images ? double(correct) / double(images) : 0; }
};

// Refuses a data set whose images or classes are not the model's.
void require_fit(const Architecture& architecture, const Dataset& dataset);

// Every image counts once: the last batch is padded, and the padding masked out. batch 0: a good default.
Metrics evaluate(const Model& model, const Dataset& dataset, int64_t batch = 0);

// A model compiled for up to `batch` images at a time. It sees later changes of the model's parameters, and of its alphas:
// where some alpha is not 0 it runs a form that takes them as inputs and folds nothing.
class Predictor {
  public:
    Predictor(std::shared_ptr<const Model> model, int64_t batch, MemoryOptions memory = {});
    // Of the form that the model asks for now.
    struct Memory {
        int64_t workspace_bytes = 0;         // of activations and temporaries, as they are allocated
        int64_t workspace_bytes_without = 0; // what they would be if no block ran in groups of channels
        int64_t folded_bytes = 0;            // of filters and biases with their normalisation in them
        std::vector<Network::Transform> blocks;
    };
    Memory memory();
    const Model& model() const { return *model_; }
    // Class probabilities of `count` images, row by row; any count, in batches.
    void run(const uint8_t* pixels, int64_t count, float* probabilities);

  private:
    struct Form {
        Network network;
        Value probabilities;
        std::unique_ptr<Folding> folding;
        std::unique_ptr<Replay> replay;
        int64_t workspace_bytes_without = 0;
    };
    Form& form(); // the one that the model asks for now
    std::shared_ptr<const Model> model_;
    int64_t batch_;
    MemoryOptions memory_;
    PixelPreparation pixels_; // as they were when it was made
    std::unique_ptr<Form> plain_, weighing_; // compiled when first needed
};

} // namespace lemnos
