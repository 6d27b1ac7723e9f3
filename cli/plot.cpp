#include "plot.h"

#include "text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace lemnos::cli {

static constexpr int axis = 11; // columns of the labels at the left

static std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", value);
    return text;
}

static std::string labelled(const std::string& label) {
    return std::string(size_t(std::max(0, axis - 2 - columns_of(label))), ' ') + label + " ";
}

// A column that is filled to `eighths` above the row's floor.
static std::string cell(double eighths, bool utf8) {
    static constexpr const char* blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    const int level = std::clamp(int(std::lround(eighths)), 0, 8);
    return utf8 ? blocks[level] : level >= 4 ? "#" : level >= 1 ? "." : " ";
}

void print(std::ostream& out, const Plot& plot, int width, bool utf8) {
    if (plot.values.empty()) return;
    const double largest = *std::max_element(plot.values.begin(), plot.values.end());
    double smallest = largest; // above 0
    for (double value : plot.values)
        if (value > 0) smallest = std::min(smallest, value);
    // What falls to nearly nothing, as a cosine does, would be all tail on a logarithmic scale.
    const bool logarithmic = smallest > 0 && largest / smallest > 20 && largest / smallest <= 2000;
    // The floor is drawn as one eighth, so that the least value is seen.
    const auto fraction = [&](double value) {
        if (largest <= 0) return 0.0;
        if (!logarithmic) return value / largest;
        return value <= 0 ? 0.0 : std::log(value / smallest) / std::log(largest / smallest);
    };
    const int columns = std::clamp(width - axis, 10, 72);
    out << plot.title << (logarithmic ? " (logarithmic)" : "") << "\n";
    for (int row = plot.height - 1; row >= 0; --row) {
        const std::string label = row == plot.height - 1 ? number(largest)
                                  : row == 0 ? number(logarithmic ? smallest : 0)
                                             : "";
        std::string line = labelled(label) + (utf8 ? "│" : "|");
        for (int column = 0; column < columns; ++column) {
            const auto at = size_t((double(column) + 0.5) / columns * double(plot.values.size()));
            const double height = 1 + fraction(plot.values[at]) * (plot.height * 8 - 1);
            line += cell(height - row * 8, utf8);
        }
        out << line.substr(0, line.find_last_not_of(' ') + 1) << "\n";
    }
    std::string rule;
    for (int column = 0; column < columns; ++column) rule += utf8 ? "─" : "-";
    out << labelled("") << (utf8 ? "└" : "+") << rule << "\n";
    const int gap = columns - columns_of(plot.first_label) - columns_of(plot.last_label);
    out << std::string(axis, ' ') << plot.first_label << std::string(size_t(std::max(gap, 1)), ' ') << plot.last_label << "\n";
}

} // namespace lemnos::cli
