#include "models/detection.h"

#include <cmath>

namespace lemnos {

const char* name_of(BoxCoder coder) { return coder == BoxCoder::ssd ? "ssd" : "yolo"; }

const char* name_of(ScoreKind scores) {
    return scores == ScoreKind::sigmoid ? "sigmoid" : scores == ScoreKind::softmax ? "softmax" : "yolo";
}

AttributeSpec scores_option(ScoreKind fallback) {
    return choice_attribute("scores", name_of(fallback), {name_of(ScoreKind::sigmoid), name_of(ScoreKind::softmax)},
                            "Of an anchor's classes: sigmoid, each by itself; softmax, one of them or the background.");
}

ScoreKind score_kind(const Attributes& options) {
    return options.choice("scores") == name_of(ScoreKind::sigmoid) ? ScoreKind::sigmoid : ScoreKind::softmax;
}

int64_t Detection::anchors() const {
    int64_t count = 0;
    for (const AnchorGrid& grid : grids) count += grid.anchors();
    return count;
}

std::vector<float> Detection::anchor_rows() const {
    std::vector<float> rows;
    rows.reserve(size_t(anchors()) * 4);
    for (const AnchorGrid& grid : grids)
        for (int64_t row = 0; row < grid.rows; ++row)
            for (int64_t column = 0; column < grid.columns; ++column)
                for (const auto& [height, width] : grid.sizes)
                    rows.insert(rows.end(), {float((double(row) + 0.5) * grid.row_step), float((double(column) + 0.5) * grid.column_step),
                                             float(height), float(width)});
    return rows;
}

std::vector<AnchorGrid> linear_anchor_grids(const std::vector<std::array<int64_t, 2>>& maps, double least, double largest) {
    const auto count = double(maps.size());
    const auto scale = [&](size_t i) { return least + (largest - least) * double(i) / (count - 1); };
    std::vector<AnchorGrid> grids;
    for (size_t i = 0; i < maps.size(); ++i) {
        const auto [rows, columns] = maps[i];
        AnchorGrid grid{rows, columns, 1.0 / double(rows), 1.0 / double(columns), {}};
        const auto add = [&](double size, double ratio) { grid.sizes.push_back({size / std::sqrt(ratio), size * std::sqrt(ratio)}); };
        const double size = scale(i), next = i + 1 < maps.size() ? scale(i + 1) : 1.0;
        if (i == 0) {
            add(least / 2, 1);
            for (double ratio : {2.0, 0.5}) add(size, ratio);
        } else {
            for (double ratio : {1.0, 2.0, 0.5, 3.0, 1.0 / 3}) add(size, ratio);
            add(std::sqrt(size * next), 1);
        }
        grids.push_back(std::move(grid));
    }
    return grids;
}

Value join_maps(Graph& graph, const std::vector<Value>& maps, int64_t columns, const std::string& name) {
    std::vector<Value> rows;
    for (Value map : maps)
        rows.push_back(graph.add("reshape", {map}, {{"shape", std::vector<int64_t>{graph.shape(map)[0], -1, columns}}}, name));
    return rows.size() == 1 ? rows[0] : graph.add("concat", rows, {{"axis", int64_t(1)}}, name);
}

} // namespace lemnos
