// A model compiled for up to `batch` images at a time: class probabilities, or of a detector objects. It sees later changes of
// the model's parameters, and of its alphas: where some alpha is not 0 it runs a form that takes them as inputs and folds
// nothing. Otherwise normalisations are folded.
#pragma once

#include "models/channel_groups.h"
#include "models/folding.h"
#include "models/objects.h"

namespace lemnos {

struct PredictorOptions {
    MemoryOptions memory;
    ObjectOptions objects; // of a detector
    Precision precision = Precision::f32;
};
std::span<const AttributeSpec> predictor_options();
PredictorOptions predictor_options_from(Attributes given, const std::string& owner);

class Predictor {
  public:
    Predictor(std::shared_ptr<const Model> model, int64_t batch, PredictorOptions options = {});
    // Of the form that the model asks for now.
    struct Memory {
        int64_t workspace_bytes = 0;         // of activations and temporaries, as they are allocated
        int64_t workspace_bytes_without = 0; // what they would be if no block ran in groups of channels
        int64_t folded_bytes = 0;            // of filters and biases with their normalisation in them
        std::vector<Network::Transform> blocks;
    };
    Memory memory();
    const Model& model() const { return *model_; }
    int64_t batch() const { return batch_; }
    // Numbers of one image's result: a probability a class, or the rows of Objects.
    int64_t outputs() const;
    // Results of `count` images, one after the other; any count, in batches.
    void run(const uint8_t* pixels, int64_t count, float* results);

  private:
    struct Form {
        Network network;
        Value anchors, results;
        std::unique_ptr<Folding> folding;
        std::unique_ptr<Replay> replay;
        int64_t workspace_bytes_without = 0;
    };
    Form& form(); // the one that the model asks for now
    std::shared_ptr<const Model> model_;
    int64_t batch_;
    PredictorOptions options_;
    PixelPreparation pixels_; // as they were when it was made
    std::unique_ptr<Form> plain_, weighing_; // compiled when first needed
};

} // namespace lemnos
