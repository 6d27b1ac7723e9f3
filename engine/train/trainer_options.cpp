// The options of a training, with their defaults and what they do.
#include "train/trainer.h"

namespace lemnos {

static std::vector<AttributeSpec> general_options() {
    return {
        integer_attribute("batch", 128, 1, INT32_MAX, "Images of one parameter update."),
        integer_attribute("micro_batch", 0, 0, INT32_MAX,
                          "Images that the device holds at a time; it divides the batch. 0: the batch where that is at most "
                          "128, its largest divisor below otherwise."),
        integer_attribute("memory_limit", 0, 0, INT64_MAX,
                          "Bytes that the activations of a micro-batch may take; where they must, some are computed again instead of "
                          "kept, with the same results. 0: what the device's own limit leaves, if it has one."),
        integer_attribute("epochs", 2, 1, 1000000, "Passes over the data set."),
        integer_attribute("seed", 1, 0, INT64_MAX, "Of the order of images, crops, flips and dropout."),
        real_attribute("label_smoothing", 0, 0, 0.999, "The share of a label that is spread over all classes."),
        integer_attribute("crop", 0, 0, 64, "Random crops out of the image padded by that many pixels."),
        boolean_attribute("flip", false, "Mirror images with probability 1/2."),
        choice_attribute("tail", "drop", {"drop", "include"},
                         "What becomes of an epoch's last images when they do not fill a batch."),
        choice_attribute("decay", "all", {"all", "weights"},
                         "Parameters that weight decay applies to: all, or filters and matrices alone."),
        real_attribute("statistics_momentum", 0.1, 1e-9, 1, "The share of a batch in the running statistics."),
        real_attribute("clip_norm", 0, 0, 1e30, "Gradients are scaled down to this global norm; 0: never."),
        real_attribute("clip_value", 0, 0, 1e30, "No element of the gradient exceeds it; 0: any may."),
        precision_attribute("mixed: activations and their gradients lie in memory as f16, at half the size; sums, weights, losses "
                            "and the optimizer stay f32."),
        boolean_attribute("loss_scaling", false,
                          "Multiply the loss by a scale that follows the gradients, and skip steps that are not finite; on where "
                          "precision is mixed, unless it is set off."),
        real_attribute("loss_scale", 65536, 1e-6, 1e30, "The first scale; it doubles and halves."),
        integer_attribute("loss_scale_interval", 2000, 1, 1000000000, "Steps without a skip after which it doubles."),
        below(real_attribute("average", 0, 0, 1, "Decay of a moving average of the weights; 0: none.")),
        text_attribute("policies", "",
                       "How single parameters are trained, by patterns of names or as @gamma and @beta of all normalisations: "
                       "\"features.0.* frozen; *.bias decay=0 rate=2; @gamma target=1\". rate and decay are factors, target is "
                       "what the weight decay pulls towards, frozen parameters are not trained."),
        text_attribute("frozen_statistics", "",
                       "Normalisations that use their running statistics in training and leave them as they are, by patterns of "
                       "names: \"features.0.1; features.1.*\"."),
        choice_attribute("statistics", "moments", {"moments", "pytorch"},
                         "What is averaged over the batches. moments: the first and second moments; pytorch: the mean and the "
                         "unbiased variance."),
        integer_attribute("ghost", 0, 0, INT32_MAX,
                          "Images that batch normalisation takes together (arXiv 1705.08741); it divides the micro-batch. 0: what "
                          "the model says, or else the whole micro-batch."),
        boolean_attribute("measure_noise", false, "Measure the gradient's noise between micro-batches."),
        integer_attribute("loader_threads", 1, 1, 64, "Threads that read images."),
        text_attribute("events", "", "A folder for an event file of the curves, which TensorBoard shows; empty: none."),
        choice_attribute("augment", "ssd", {"none", "flip", "ssd", "ssd_expand"},
                         "Of detectors, on the pictures as they are: flip mirrors half of them; ssd also crops and changes colours "
                         "(arXiv 1512.02325); ssd_expand also puts some small into a larger empty picture."),
    };
}

std::span<const AttributeSpec> trainer_options() {
    static const std::vector<AttributeSpec> options = [] {
        std::vector<AttributeSpec> all = general_options(), detection = detection_loss_options();
        all.insert(all.end(), detection.begin(), detection.end());
        return all;
    }();
    return options;
}

} // namespace lemnos
