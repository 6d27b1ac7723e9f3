// The augmentation of pictures with boxes of Liu et al., "SSD: Single Shot MultiBox Detector" (ECCV 2016),
// sections 2.2 and 3.6, as their code has it: distorted colours, zooming out, a sampled crop, a flip.
#pragma once

#include "data/dataset.h"

#include <array>
#include <cstdint>
#include <vector>

namespace lemnos {

struct Augmentation {
    bool crop = true;
    bool flip = true;
    bool colours = true;
    bool expand = true;                            // zoom out
    std::array<uint8_t, 3> mean = {124, 116, 104}; // what lies around a picture then: ImageNet's mean colour
};

// One augmented picture: what is random about it is a function of seed, epoch and sample (the record's index)
// alone.
struct Draw {
    Augmentation augmentation = {};
    uint64_t seed = 0;
    uint32_t epoch = 0;
    uint32_t sample = 0;
};

// What a draw does to the geometry of a picture: the window is scaled to the shape, and then mirrored.
struct DrawnGeometry {
    PictureWindow window;
    bool expanded = false;
    bool mirrored = false;
    double least_overlap = -1; // that the window has with some box; 0: any patch; -1: no crop
};

// Chosen for a picture of this size with these boxes.
DrawnGeometry draw_geometry(const Draw& draw, PictureSize size, const std::vector<Box>& boxes);

// The boxes of what is then seen: of those whose centre lies in the window, what lies in it.
std::vector<Box> boxes_seen(const DrawnGeometry& geometry, PictureSize size, const std::vector<Box>& boxes);

// What a draw does to colours, in the order brightness, contrast, saturation, hue; or with the contrast last.
// After each the values are held within 0 … 255.
struct ColourChange {
    float brightness = 0; // added
    float contrast = 1;   // a factor
    float saturation = 1; // a factor of HSV's saturation
    float hue = 0;        // added, in degrees
    bool contrast_last = false;
};
ColourChange draw_colours(const Draw& draw);

// Applies it to `count` pixels of 1 or 3 channels. Grey ones have neither saturation nor hue.
void change_colours(const ColourChange& change, uint8_t* pixels, int64_t count, int channels);

// All of it: writes the pixels of height x width x image.channels, and turns the picture's boxes into theirs.
void augment(const Image& image, const Draw& draw, int height, int width, uint8_t* pixels,
             std::vector<Box>& boxes);

// Intersection over union; 0 where a box has no area.
double overlap(const Box& a, const Box& b);

} // namespace lemnos
