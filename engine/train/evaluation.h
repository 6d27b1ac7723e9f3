// Running a model over a data set: the accuracy of a classifier, the average precision of a detector.
#pragma once

#include "data/dataset.h"
#include "models/folding.h"
#include "train/average_precision.h"
#include "train/predictor.h"

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

struct BoxMetrics {
    AveragePrecision precision;
    double seconds = 0;
};

// What a detector finds on every image, beside what is there. batch 0: a good default.
BoxMetrics evaluate_boxes(std::shared_ptr<const Model> model, const Dataset& dataset, int64_t batch = 0,
                          const ObjectOptions& options = {.score = 0.01}, Precision precision = Precision::f32);

} // namespace lemnos
