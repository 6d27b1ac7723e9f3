// Contact sheets: images with what they are and what a model takes them for, drawn as one picture.
#pragma once

#include "picture.h"

namespace lemnos::cli {

struct SheetCell {
    std::vector<uint8_t> pixels; // of the sheet's shape
    std::string truth, guess;
    double probability = 0; // of the guess
    bool right() const { return truth == guess; }
};

struct Sheet {
    std::string title;
    int height = 0, width = 0, channels = 0; // of the images
    std::vector<SheetCell> cells;
};

Picture draw(const Sheet& sheet);

} // namespace lemnos::cli
