// What an architecture that detects objects has besides its graph: anchors, and how offsets and logits become boxes and
// scores.
//
// The graph ends in two values with one row an anchor: `boxes`, four offsets from it, and the architecture's `logits`, whose
// first column is the background's (or, of YOLO, that there is an object at all) and whose others are the classes'.
#pragma once

#include "graph/graph.h"

#include <array>

namespace lemnos {

// Anchors at every cell of a feature map, row by row, in each cell one of each size.
struct AnchorGrid {
    int64_t rows = 0, columns = 0;
    double row_step = 0, column_step = 0; // between centres, the first half a step from the edge; fractions of the image
    std::vector<std::array<double, 2>> sizes; // height and width, fractions of the image
    int64_t anchors() const { return rows * columns * int64_t(sizes.size()); }
};

// Of arXiv 1512.02325 (ssd) and 1612.08242 (yolo); operators: encode_boxes, decode_boxes, yolo_targets.
enum class BoxCoder { ssd, yolo };
// How logits become scores, and the loss that goes with it.
enum class ScoreKind { sigmoid, softmax, yolo };
const char* name_of(BoxCoder coder);
const char* name_of(ScoreKind scores);

struct Detection {
    Value boxes; // f32 [1, anchors, 4]
    std::vector<AnchorGrid> grids;
    BoxCoder coder = BoxCoder::ssd;
    ScoreKind scores = ScoreKind::softmax;
    bool x_first = false; // offsets are (x, y, width, height) instead of (y, x, height, width)
    std::array<double, 4> scales{10, 10, 5, 5}; // of offsets: y, x, height, width
    double suppression = 0.45; // an overlap above which the weaker of two boxes of a class goes

    int64_t anchors() const;
    // Centre y, centre x, height, width of each, fractions of the image.
    std::vector<float> anchor_rows() const;
};

// The option of SSD's networks that chooses between sigmoid and softmax.
AttributeSpec scores_option(ScoreKind fallback);
ScoreKind score_kind(const Attributes& options);

// The anchors of SSD, by scales that rise in equal steps: of the first map one of half the least scale and two of the least
// with the aspect ratios 2 and 1/2, of the others the ratios 1, 2, 1/2, 3, 1/3 and 1 again at the geometric mean with the
// next scale (the object detection API of TensorFlow). The last scale's next is 1.
std::vector<AnchorGrid> linear_anchor_grids(const std::vector<std::array<int64_t, 2>>& maps, double least, double largest);

// Makes one row an anchor of what the heads of the maps give, and joins the maps; `columns` numbers an anchor.
Value join_maps(Graph& graph, const std::vector<Value>& maps, int64_t columns, const std::string& name);

} // namespace lemnos
