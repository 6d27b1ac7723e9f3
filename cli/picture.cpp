#include "picture.h"

#include "font.h"

#include <algorithm>

namespace lemnos::cli {

static constexpr int letter = 2; // pixels a dot of the font

static const Glyph& glyph_of(char c) {
    return font[(c < font_first || c > font_last ? '?' : c) - font_first];
}

// The columns with ink, as [first, end).
static std::pair<int, int> extent(char c) {
    uint8_t all = 0;
    for (uint8_t row : glyph_of(c)) all |= row;
    if (all == 0) return {0, 3}; // a space
    int first = 0, end = font_columns;
    while (!(all >> (font_columns - 1 - first) & 1)) ++first;
    while (!(all >> (font_columns - end) & 1)) --end;
    return {first, end};
}

int text_width(const std::string& text) {
    int dots = 0;
    for (char c : text) dots += extent(c).second - extent(c).first + 1;
    return std::max(0, dots - 1) * letter;
}

std::string drawable(const std::string& text, int most_width) {
    std::string ascii;
    for (char c : text)
        if ((static_cast<unsigned char>(c) & 0xc0) != 0x80)
            ascii += c < font_first || c > font_last ? '?' : c;
    if (text_width(ascii) <= most_width) return ascii;
    while (!ascii.empty() && text_width(ascii + "...") > most_width) ascii.pop_back();
    return ascii + "...";
}

void fill(Picture& picture, int top, int left, int height, int width, const Colour& colour) {
    for (int y = std::max(top, 0); y < std::min(top + height, picture.height); ++y)
        for (int x = std::max(left, 0); x < std::min(left + width, picture.width); ++x)
            std::copy(colour.begin(), colour.end(),
                      picture.pixels.begin() + (int64_t(y) * picture.width + x) * 3);
}

int write(Picture& picture, int top, int left, const std::string& text, const Colour& colour) {
    for (char c : text) {
        const auto [first, end] = extent(c);
        for (int row = 0; row < font_rows; ++row)
            for (int column = first; column < end; ++column)
                if (glyph_of(c)[size_t(row)] >> (font_columns - 1 - column) & 1)
                    fill(picture, top + row * letter, left + (column - first) * letter, letter, letter,
                         colour);
        left += (end - first + 1) * letter;
    }
    return left;
}

} // namespace lemnos::cli
