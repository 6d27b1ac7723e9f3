#include "sheet.h"

#include "text.h"

#include <algorithm>
#include <cmath>

namespace lemnos::cli {

static constexpr Colour paper{250, 250, 248}, ink{32, 33, 36}, faint{118, 120, 124}, green{30, 132, 73},
    red{200, 46, 42};

static constexpr int frame = 4, gap = 18, margin = 24, title_height = 44;
static constexpr int least_image = 112, largest_image = 224;
static constexpr int widest_label = 190;

static void write_centred(Picture& picture, int top, int centre, const std::string& text,
                          const Colour& colour) {
    write(picture, top, centre - text_width(text) / 2, text, colour);
}

// Small images are enlarged by a whole factor, so that their pixels stay square; large ones are averaged
// down.
static void place(Picture& picture, int top, int left, int height, int width, const Sheet& sheet,
                  const SheetCell& cell) {
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x) {
            const int y0 = int(int64_t(y) * sheet.height / height),
                      x0 = int(int64_t(x) * sheet.width / width);
            const int y1 = std::max(y0 + 1, int(int64_t(y + 1) * sheet.height / height));
            const int x1 = std::max(x0 + 1, int(int64_t(x + 1) * sheet.width / width));
            Colour colour{};
            for (int channel = 0; channel < 3; ++channel) {
                const int source = sheet.channels == 3 ? channel : 0;
                int64_t sum = 0;
                for (int v = y0; v < y1; ++v)
                    for (int u = x0; u < x1; ++u)
                        sum += cell.pixels[size_t((int64_t(v) * sheet.width + u) * sheet.channels + source)];
                colour[size_t(channel)] = uint8_t(sum / (int64_t(y1 - y0) * (x1 - x0)));
            }
            fill(picture, top + y, left + x, 1, 1, colour);
        }
}

// About as wide as the labels beneath.
static std::pair<int, int> image_size(const Sheet& sheet, int label_width) {
    const int longest = std::max(sheet.height, sheet.width);
    if (longest > largest_image)
        return {std::max(1, sheet.height * largest_image / longest),
                std::max(1, sheet.width * largest_image / longest)};
    const int factor =
        std::max({1, (least_image + longest / 2) / longest, (label_width - 2 * frame) / longest});
    return {sheet.height * factor, sheet.width * factor};
}

// About 3 : 2 in all, with few empty places in the last row.
static int best_columns(int count, int cell_width, int cell_height) {
    int best = 1;
    double least = INFINITY;
    for (int columns = 1; columns <= count; ++columns) {
        const int rows = (count + columns - 1) / columns;
        const double ratio = double(columns) * cell_width / (double(rows) * cell_height);
        const double cost = std::abs(std::log(ratio / 1.5)) + double(rows * columns - count) / columns;
        if (cost < least) least = cost, best = columns;
    }
    return best;
}

Picture draw(const Sheet& sheet) {
    struct Labels {
        std::string guess, truth;
    };
    std::vector<Labels> labels;
    int label_width = 0;
    for (const SheetCell& cell : sheet.cells) {
        const std::string probability = "  " + fixed(cell.probability * 100, 0) + "%";
        labels.push_back({drawable(cell.guess, widest_label - text_width(probability)) + probability,
                          drawable("true: " + cell.truth, widest_label)});
        label_width =
            std::max({label_width, text_width(labels.back().guess), text_width(labels.back().truth)});
    }
    const auto [image_height, image_width] = image_size(sheet, label_width);
    const int cell_width = std::max(label_width, image_width + 2 * frame),
              cell_height = image_height + 2 * frame + 6 + 2 * line_height;
    const int count = int(sheet.cells.size());
    const int columns = best_columns(count, cell_width + gap, cell_height + gap);
    const int rows = (count + columns - 1) / columns;

    Picture picture;
    picture.width = 2 * margin + columns * (cell_width + gap) - gap;
    const std::string title = drawable(sheet.title, std::max(picture.width, 480) - 2 * margin);
    picture.width = std::max(picture.width, text_width(title) + 2 * margin);
    picture.height = 2 * margin + title_height + rows * (cell_height + gap) - gap;
    picture.pixels.resize(size_t(picture.height) * size_t(picture.width) * 3);
    fill(picture, 0, 0, picture.height, picture.width, paper);
    write(picture, margin, margin, title, ink);

    const int indent = (picture.width - (columns * (cell_width + gap) - gap)) / 2;
    for (int i = 0; i < count; ++i) {
        const SheetCell& cell = sheet.cells[size_t(i)];
        const Colour& verdict = cell.right() ? green : red;
        const int top = margin + title_height + i / columns * (cell_height + gap);
        const int centre = indent + i % columns * (cell_width + gap) + cell_width / 2;
        const int left = centre - image_width / 2;
        fill(picture, top, left - frame, image_height + 2 * frame, image_width + 2 * frame, verdict);
        place(picture, top + frame, left, image_height, image_width, sheet, cell);
        const int label_top = top + image_height + 2 * frame + 8;
        write_centred(picture, label_top, centre, labels[size_t(i)].guess, verdict);
        write_centred(picture, label_top + line_height, centre, labels[size_t(i)].truth, faint);
    }
    return picture;
}

} // namespace lemnos::cli
