// From what a detector's network gives to objects: boxes decoded, scores, and of boxes that overlap the weaker gone.
#pragma once

#include "models/architecture.h"

namespace lemnos {

struct ObjectOptions {
    double score = 0.3;   // the least
    double overlap = -1;  // above which the weaker of two boxes of a class goes; negative: the model's
    int64_t limit = 100;  // the most objects of an image, and of a class
};

constexpr int64_t object_columns = 6; // class (-1: no object), score, top, left, bottom, right; fractions of the image

struct Objects {
    Value anchors; // leaf f32 [anchors, 4]: Model::anchors()
    Value rows;    // f32 [batch, limit, object_columns], by falling score
};
Objects add_objects(Network& network, const Architecture& architecture, const ObjectOptions& options);

} // namespace lemnos
