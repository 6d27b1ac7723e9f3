// What the operators of object detection have in common: the shapes of anchors and true boxes, and their
// texts.
#pragma once

#include "ops/group.h"

namespace lemnos {

inline constexpr const char* anchors_help =
    "f32 [anchors, 4] = (centre y, centre x, height, width), in fractions of the image.";
inline constexpr const char* truth_help = "f32 [images, boxes, 5] = (class, top, left, bottom, right), in "
                                          "fractions of the image; a class below 0 is no box.";

// Gradients end here.
inline void stop_gradient(GradientBuilder&) {}

inline void require_anchors(const Signature& s, int i) {
    s.require_type(i, DataType::f32, "anchors");
    s.require(s.input(i).rank() == 2 && s.shape(i)[1] == 4, "the anchors (", to_string(s.shape(i)),
              ") are not [anchors, 4].");
}

inline void require_truth(const Signature& s, int i) {
    s.require_type(i, DataType::f32, "truth");
    s.require(s.input(i).rank() == 3 && s.shape(i)[2] == 5, "the truth (", to_string(s.shape(i)),
              ") is not [images, boxes, 5].");
}

inline void require_shape(const Signature& s, int i, const char* name, DataType dtype, const Shape& shape) {
    s.require_type(i, dtype, name);
    s.require(s.shape(i) == shape, "the input ", name, " (", to_string(s.shape(i)), ") needs the shape ",
              to_string(shape), ".");
}

} // namespace lemnos
