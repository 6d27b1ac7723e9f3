#include "table.h"

#include "text.h"

#include <algorithm>
#include <numeric>

namespace lemnos::cli {

static constexpr int gap = 2; // columns between columns

void Table::print(std::ostream& out) const {
    std::vector<int> widths;
    for (size_t i = 0; i < columns_.size(); ++i) {
        int width = columns_of(columns_[i].title);
        for (const Row& row : rows_)
            if (i < row.cells.size()) width = std::max(width, columns_of(row.cells[i]));
        widths.push_back(width);
    }
    const auto line = [&](const auto& cell_of, size_t count) {
        std::string text;
        for (size_t i = 0; i < count; ++i) {
            const std::string& cell = cell_of(i);
            const std::string space(size_t(widths[i] - columns_of(cell)), ' ');
            text += columns_[i].align == Align::right ? space + cell : cell + space;
            text.append(gap, ' ');
        }
        text.erase(text.find_last_not_of(' ') + 1);
        out << text << "\n";
    };
    const int total_width = std::accumulate(widths.begin(), widths.end(), gap * (int(widths.size()) - 1));
    const std::string rule(size_t(total_width), '-');
    line([&](size_t i) -> const std::string& { return columns_[i].title; }, columns_.size());
    out << rule << "\n";
    for (const Row& row : rows_) {
        if (row.total) out << rule << "\n";
        line([&](size_t i) -> const std::string& { return row.cells[i]; },
             std::min(row.cells.size(), columns_.size()));
    }
}

} // namespace lemnos::cli
