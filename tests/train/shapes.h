// Pictures of bright and of dark rectangles on grey, one or two in each, with their boxes: what a small detector can learn in
// seconds.
#pragma once

#include "data/augmentation.h"
#include "data/dataset.h"
#include "support/random.h"

#include <algorithm>

namespace lemnos::test {

class Rectangles final : public Dataset {
  public:
    Rectangles(int64_t count, int side) : shape_{side, side, 1}, class_names_{"bright", "dark"} {
        for (int64_t i = 0; i < count; ++i) {
            const auto number = [&](uint32_t what, double least, double most) {
                return least + (most - least) * random_bits(11, uint32_t(i), what, RandomPurpose::shuffle, 0)[0] / 4294967296.0;
            };
            std::vector<TruthBox> boxes;
            const bool two = number(0, 0, 1) < 0.5;
            for (uint32_t k = 0; k < (two ? 2u : 1u); ++k) { // in the left and in the right half where there are two
                const double width = number(10 * k + 1, 0.25, two ? 0.45 : 0.6), height = number(10 * k + 2, 0.25, 0.6);
                const double left = number(10 * k + 3, 0, (two ? 0.5 : 1.0) - width) + (k ? 0.5 : 0), top = number(10 * k + 4, 0, 1 - height);
                boxes.push_back({{float(number(10 * k + 5, 0, 2) >= 1), float(top), float(left), float(top + height), float(left + width)}});
            }
            boxes_.push_back(std::move(boxes));
        }
    }

    int64_t size() const override { return int64_t(boxes_.size()); }
    RecordShape shape() const override { return shape_; }
    const std::vector<std::string>& class_names() const override { return class_names_; }
    std::string name(int64_t index) const override { return text("rectangles #", index); }
    int64_t most_boxes() const override { return 2; }
    std::vector<TruthBox> boxes(int64_t index) const override { return boxes_[size_t(index)]; }
    void read(int64_t index, uint8_t* pixels, int32_t& label) const override {
        label = -1;
        for (int y = 0; y < shape_.height; ++y)
            for (int x = 0; x < shape_.width; ++x) {
                uint8_t value = 128;
                for (const TruthBox& truth : boxes_[size_t(index)]) {
                    const Box& box = truth.box;
                    const double v = (y + 0.5) / shape_.height, u = (x + 0.5) / shape_.width;
                    if (v >= box.top && v < box.bottom && u >= box.left && u < box.right) value = box.label == 0 ? 240 : 16;
                }
                *pixels++ = value;
            }
    }
    void read_boxes(int64_t index, const Draw*, uint8_t* pixels, std::span<Box> boxes) const override {
        int32_t label;
        read(index, pixels, label);
        std::fill(boxes.begin(), boxes.end(), Box{});
        for (size_t i = 0; i < boxes_[size_t(index)].size(); ++i) boxes[i] = boxes_[size_t(index)][i].box;
    }

  private:
    RecordShape shape_;
    std::vector<std::string> class_names_;
    std::vector<std::vector<TruthBox>> boxes_;
};

} // namespace lemnos::test
