// How well boxes were found: average precision per class and its mean, by the definitions of PASCAL VOC
// (Everingham et al., "The PASCAL Visual Object Classes Challenge", IJCV 2010; the code of its devkit) and of
// COCO (the code of pycocotools).
//
// Detections are matched to the truths of their class in their image, the best score first; those that match
// a difficult truth count neither way, and difficult truths need not be found.
//   VOC   A detection belongs to the truth that it overlaps most, and is right if the overlap is at least 0.5
//         and no better one took that truth before.
//   COCO  A detection takes the truth that it overlaps most among those not yet taken, if the overlap is at
//         least a threshold. Of a class, 100 detections of an image count. What a crowd (which any number of
//         detections may match) overlaps is measured by the detection's own area.
// Boxes are rectangles in fractions of the picture: no pixel is added to their sides, as VOC's code does.
#pragma once

#include "data/dataset.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace lemnos {

struct FoundBox {
    float score = 0;
    Box box;
};

enum class PrecisionRule {
    voc2007, // mean of the best precisions at recalls of at least 0, 0.1, … 1
    voc2010, // area under the curve of the best precision at each recall; also VOC 2011 and 2012
    coco,    // mean over the thresholds 0.50, 0.55, … 0.95; each as of 101 recalls 0, 0.01, … 1
    coco50,  // COCO's at the threshold 0.50 alone
    coco75
};

struct PrecisionSummary {
    std::vector<std::optional<double>> classes; // nothing where a class has no truth
    double mean = 0;                            // of the others; 0 where there are none
};

// After the detections from the best to one with this score.
struct PrecisionPoint {
    double recall = 0;
    double precision = 0;
    float score = 0;
};

class AveragePrecision {
  public:
    explicit AveragePrecision(int classes);

    // One image: what is in it, and what was found.
    void add(std::span<const TruthBox> truths, std::span<const FoundBox> detections);

    PrecisionSummary summary(PrecisionRule rule) const;
    // A class's curve by VOC's matching, by falling score: a point for each detection that counts.
    std::vector<PrecisionPoint> curve(int label) const;

    int64_t images() const { return images_; }
    int64_t truths(int label) const; // without difficult ones

  private:
    // A detection after matching. Bit i < 10: at COCO's threshold 0.50 + 0.05 i; bit 10: by VOC's rule.
    struct Matched {
        float score;
        uint16_t right;
        uint16_t ignored;
    };
    struct ClassRecord {
        int64_t truths = 0;
        std::vector<Matched> detections;
    };
    struct Counted;

    void match(std::span<const TruthBox> truths, std::vector<FoundBox>& detections,
               ClassRecord& record) const;
    std::vector<Counted> ranking(const ClassRecord& record, int bit) const;
    const ClassRecord& record(int label) const;

    std::vector<ClassRecord> classes_;
    int64_t images_ = 0;
};

} // namespace lemnos
