// The augmentation of pictures with boxes of Liu et al., "SSD: Single Shot MultiBox Detector" (ECCV 2016),
// section 2.2 and 3.6, as their code has it: distorted colours, zooming out, a sampled crop, a flip.
#pragma once

#include "data/dataset.h"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace lemnos {

struct Augmentation {
    bool crop = true;
    bool flip = true;
    bool colours = true;
    bool expand = true;                            // zoom out
    std::array<uint8_t, 3> mean = {124, 116, 104}; // what fills the canvas when zooming out: ImageNet's mean
};

// One augmented picture: what is random about it is a function of seed, epoch and sample (the record's index)
// alone.
struct Draw {
    uint64_t seed = 0;
    uint32_t epoch = 0;
    uint32_t sample = 0;
    Augmentation augmentation = {};
};

// The part of a picture that is shown, in its pixels. It may reach beyond the picture.
struct PictureWindow {
    double top = 0, left = 0, height = 0, width = 0;
};

// What a draw does to the geometry of a picture.
struct DrawnGeometry {
    PictureWindow window;
    bool expanded = false;
    bool flipped = false;
    double least_overlap = -1; // that some box has with the crop; 0: any patch; -1: no crop
};

// Chooses it for a picture of this size with these boxes, which become those of the window: of the boxes
// whose centre lies in it, what lies in it.
DrawnGeometry draw_geometry(const Draw& draw, PictureSize size, std::vector<Box>& boxes);

// Changes the colours of `count` pixels of 1 or 3 channels as a draw says.
void draw_colours(const Draw& draw, uint8_t* pixels, int64_t count, int channels);

// All of it: writes the pixels of height x width x image.channels, and turns the picture's boxes into theirs.
void augment(const Image& image, const Draw& draw, int height, int width, uint8_t* pixels,
             std::vector<Box>& boxes);

// Intersection over union; 0 where a box has no area.
double overlap(const Box& a, const Box& b);

} // namespace lemnos
