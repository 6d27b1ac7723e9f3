// Average precision of detections, on the host. Detections of a class are taken by falling score over all images; each is right
// when the truth that it overlaps most, of those of its class that nobody had before, overlaps it by at least a threshold.
// Precision over recall gives
//  * VOC 2007: the mean of the largest precision at recalls of at least 0, 0.1 ... 1 (11 points);
//  * VOC 2010 and later: the area under the curve, made to fall;
//  * COCO: the mean of that precision at recalls of 0, 0.01 ... 1 (101 points), over thresholds of 0.50, 0.55 ... 0.95.
// Difficult truths (VOC) and crowds (COCO) are neither missed when nobody finds them nor wrong when somebody does; any number
// of detections may lie in a crowd, whose overlap is the part of the detection that it covers. A class without other truths
// has no average and counts in no mean.
#pragma once

#include "data/dataset.h"

#include <array>
#include <optional>
#include <span>

namespace lemnos {

struct ScoredBox {
    Box box;
    float score = 0;
};

struct ClassPrecision {
    int64_t boxes = 0; // true ones that are to be found
    double ap_50 = 0, ap_50_voc2007 = 0, ap_coco = 0, ap_coco_50 = 0, ap_coco_75 = 0;
    std::vector<double> precision, recall; // after each detection, at a threshold of 0.5
};

struct DetectionMetrics {
    int64_t images = 0, boxes = 0;
    double map_50 = 0, map_50_voc2007 = 0, map_coco = 0, map_coco_50 = 0, map_coco_75 = 0;
    std::vector<std::optional<ClassPrecision>> classes; // empty: no boxes of that class
    double seconds = 0;
};

class AveragePrecision {
  public:
    explicit AveragePrecision(int64_t classes) : found_(size_t(classes)), truths_(size_t(classes)) {}

    // An image; the detections may be in any order, equal scores keep it.
    void add_image(std::span<const TruthBox> truths, std::span<const ScoredBox> detections);
    DetectionMetrics result() const;

  private:
    static constexpr size_t thresholds = 10;
    enum class Verdict : uint8_t { wrong, right, ignored };
    struct Found {
        float score;
        std::array<Verdict, thresholds> verdicts;
    };
    void judge(std::span<const TruthBox> truths, std::span<const ScoredBox> detections, size_t label);
    ClassPrecision precision_of(size_t label) const;

    int64_t images_ = 0;
    std::vector<std::vector<Found>> found_; // by class
    std::vector<int64_t> truths_;
};

} // namespace lemnos
