// What training does to pictures with boxes, as SSD does (Liu et al., arXiv 1512.02325, section 2.2 and the authors' code):
// colours change, the picture may be put into a larger empty one, a part of it that overlaps a box enough is taken, and half
// of all are mirrored. All that is random is a function of the draw, so neither threads nor resuming change it.
#pragma once

#include "data/dataset.h"

namespace lemnos {

struct Augmentation {
    bool crop = true, flip = true, colours = true, expand = true;
};

struct Draw {
    Augmentation augmentation;
    uint64_t seed = 0;
    uint32_t epoch = 0, sample = 0;
};

// A rectangle in fractions of the picture; it may reach beyond it.
struct View {
    double top = 0, left = 0, height = 1, width = 1;
    bool operator==(const View&) const = default;
};

// The part of the picture (and of what is around it) that is seen.
View choose_view(const std::vector<Box>& boxes, const PictureSize& size, const Draw& draw);
// The boxes whose centre is seen, clipped to the view and in fractions of it.
std::vector<Box> boxes_in_view(const std::vector<Box>& boxes, const View& view);
// What is seen, scaled to the shape; beyond the picture there is the mean colour.
Image render_view(const Image& picture, const View& view, const RecordShape& shape);

// All of it: pixels of the shape, and the boxes that are left.
Image augment(const Image& picture, std::vector<Box>& boxes, const RecordShape& shape, const Draw& draw);

double intersection_over_union(const Box& a, const Box& b);

} // namespace lemnos
