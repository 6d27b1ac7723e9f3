// Tables of aligned columns.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace lemnos::cli {

enum class Align { left, right };

class Table {
  public:
    struct Column {
        std::string title;
        Align align = Align::left;
    };
    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    void add(std::vector<std::string> cells) { rows_.push_back({std::move(cells), false}); }
    // A row that a rule separates from those above it.
    void add_total(std::vector<std::string> cells) { rows_.push_back({std::move(cells), true}); }
    void print(std::ostream& out) const;

  private:
    struct Row {
        std::vector<std::string> cells;
        bool total;
    };
    std::vector<Column> columns_;
    std::vector<Row> rows_;
};

} // namespace lemnos::cli
