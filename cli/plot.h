// A curve as an area of blocks in the terminal.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace lemnos::cli {

struct Plot {
    std::string title;
    std::vector<double> values; // at equal distances
    std::string first_label, last_label; // below the ends
    int height = 8;
};

// At most `width` columns; a logarithmic scale where the values span a factor of 20 to 2000, which is said.
void print(std::ostream& out, const Plot& plot, int width, bool utf8);

} // namespace lemnos::cli
