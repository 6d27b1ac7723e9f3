// Pictures and what is drawn into them: areas of a colour and lines of text.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace lemnos::cli {

using Colour = std::array<uint8_t, 3>;

// RGB pixels, height * width * 3.
struct Picture {
    int height = 0, width = 0;
    std::vector<uint8_t> pixels;
};

// What lies outside of the picture is not drawn.
void fill(Picture& picture, int top, int left, int height, int width, const Colour& colour);

constexpr int line_height = 22; // of a line of letters
int text_width(const std::string& text);
// What can be drawn of a text in that width: only ASCII, every other character becomes a question mark, one for each.
std::string drawable(const std::string& text, int most_width);
// Returns where the text ends.
int write(Picture& picture, int top, int left, const std::string& text, const Colour& colour);

} // namespace lemnos::cli
