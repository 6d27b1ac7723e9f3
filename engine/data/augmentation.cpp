#include "data/augmentation.h"

#include "support/random.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace lemnos {

// ---- random numbers -------------------------------------------------------------------------------------------------

namespace {

class Numbers {
  public:
    explicit Numbers(const Draw& draw) : draw_(draw) {}
    double between(double least, double most) { return least + (most - least) * (double(next()) / 4294967296.0); }
    bool half() { return next() & 1; }
    uint32_t below(uint32_t bound) {
        const uint32_t low = next();
        return random_below(low, next(), bound);
    }

  private:
    uint32_t next() {
        if (used_ == 4) {
            bits_ = random_bits(draw_.seed, draw_.sample, draw_.epoch, RandomPurpose::augmentation, counter_++);
            used_ = 0;
        }
        return bits_[used_++];
    }
    const Draw& draw_;
    PhiloxCounter bits_{};
    size_t used_ = 4;
    uint32_t counter_ = 0;
};

} // namespace

// ---- views ----------------------------------------------------------------------------------------------------------

double intersection_over_union(const Box& a, const Box& b) {
    const double height = std::min(double(a.bottom), double(b.bottom)) - std::max(double(a.top), double(b.top));
    const double width = std::min(double(a.right), double(b.right)) - std::max(double(a.left), double(b.left));
    if (height <= 0 || width <= 0) return 0;
    const auto area = [](const Box& box) { return (double(box.bottom) - box.top) * (double(box.right) - box.left); };
    return height * width / (area(a) + area(b) - height * width);
}

static bool sees_centre(const View& view, const Box& box) {
    const double y = (double(box.top) + box.bottom) / 2, x = (double(box.left) + box.right) / 2;
    return y > view.top && y < view.top + view.height && x > view.left && x < view.left + view.width;
}

static constexpr double largest_expansion = 4, least_side = 0.3;
static constexpr int most_trials = 50;

// A part of the canvas that overlaps some box by at least `overlap` and sees a centre.
static bool choose_crop(View& view, const std::vector<Box>& boxes, const PictureSize& size, double overlap, Numbers& numbers) {
    const View canvas = view;
    for (int trial = 0; trial < most_trials; ++trial) {
        const double height = numbers.between(least_side, 1) * canvas.height, width = numbers.between(least_side, 1) * canvas.width;
        const double ratio = height * size.height / (width * size.width);
        const View part{canvas.top + numbers.between(0, canvas.height - height), canvas.left + numbers.between(0, canvas.width - width), height,
                        width};
        if (ratio < 0.5 || ratio > 2) continue;
        const Box seen{0, float(part.top), float(part.left), float(part.top + height), float(part.left + width)};
        const bool overlaps = boxes.empty() || std::any_of(boxes.begin(), boxes.end(), [&](const Box& box) {
                                  return intersection_over_union(seen, box) >= overlap;
                              });
        const bool sees = boxes.empty() || std::any_of(boxes.begin(), boxes.end(), [&](const Box& box) { return sees_centre(part, box); });
        if (!overlaps || !sees) continue;
        view = part;
        return true;
    }
    return false;
}

static View choose_view(const std::vector<Box>& boxes, const PictureSize& size, const Augmentation& augmentation, Numbers& numbers) {
    View view;
    if (augmentation.expand && numbers.half()) {
        const double ratio = numbers.between(1, largest_expansion);
        view = {-numbers.between(0, ratio - 1), -numbers.between(0, ratio - 1), ratio, ratio};
    }
    if (!augmentation.crop) return view;
    static constexpr std::array<double, 6> overlaps{0.1, 0.3, 0.5, 0.7, 0.9, 0};
    const uint32_t kind = numbers.below(uint32_t(overlaps.size()) + 1); // the last: the whole picture
    if (kind < overlaps.size()) choose_crop(view, boxes, size, overlaps[kind], numbers);
    return view;
}

View choose_view(const std::vector<Box>& boxes, const PictureSize& size, const Draw& draw) {
    Numbers numbers(draw);
    return choose_view(boxes, size, draw.augmentation, numbers);
}

std::vector<Box> boxes_in_view(const std::vector<Box>& boxes, const View& view) {
    std::vector<Box> seen;
    for (const Box& box : boxes) {
        if (!sees_centre(view, box)) continue;
        const auto along = [](float value, double first, double extent) { return float(std::clamp((value - first) / extent, 0.0, 1.0)); };
        seen.push_back({box.label, along(box.top, view.top, view.height), along(box.left, view.left, view.width),
                        along(box.bottom, view.top, view.height), along(box.right, view.left, view.width)});
    }
    return seen;
}

Image render_view(const Image& picture, const View& view, const RecordShape& shape) {
    static constexpr std::array<uint8_t, 3> mean{124, 117, 104}; // of ImageNet; grey pictures take the second
    struct Range {
        int source, source_extent, target, target_extent;
    };
    // The part of the picture that is seen, in its pixels, and where it goes.
    const auto range = [](double first, double extent, int pixels, int out) {
        const double from = std::max(first, 0.0), to = std::min(first + extent, 1.0);
        const int source = std::clamp(int(std::lround(from * pixels)), 0, pixels - 1);
        const int source_end = std::clamp(int(std::lround(to * pixels)), source + 1, pixels);
        const int target = std::clamp(int(std::lround((from - first) / extent * out)), 0, out - 1);
        const int target_end = std::clamp(int(std::lround((to - first) / extent * out)), target + 1, out);
        return Range{source, source_end - source, target, target_end - target};
    };
    const Range rows = range(view.top, view.height, picture.height, shape.height);
    const Range columns = range(view.left, view.width, picture.width, shape.width);
    const auto channels = size_t(picture.channels);
    Image part{rows.source_extent, columns.source_extent, picture.channels, {}};
    part.pixels.resize(size_t(part.height) * size_t(part.width) * channels);
    for (int y = 0; y < part.height; ++y)
        std::memcpy(part.pixels.data() + size_t(y) * size_t(part.width) * channels,
                    picture.pixels.data() + (size_t(rows.source + y) * size_t(picture.width) + size_t(columns.source)) * channels,
                    size_t(part.width) * channels);
    part = resize_image(std::move(part), rows.target_extent, columns.target_extent);
    if (part.height == shape.height && part.width == shape.width) return part;
    Image image{shape.height, shape.width, picture.channels, {}};
    image.pixels.resize(size_t(shape.bytes()));
    for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = channels == 3 ? mean[i % 3] : mean[1];
    for (int y = 0; y < part.height; ++y)
        std::memcpy(image.pixels.data() + (size_t(rows.target + y) * size_t(image.width) + size_t(columns.target)) * channels,
                    part.pixels.data() + size_t(y) * size_t(part.width) * channels, size_t(part.width) * channels);
    return image;
}

// ---- colours --------------------------------------------------------------------------------------------------------

// Brightness and contrast are a line; saturation a distance from grey; hue a turn about the grey axis. All are linear in the
// colour, so a pixel takes one matrix and one offset, whatever was drawn.
static void change_colours(Image& image, Numbers& numbers) {
    using Matrix = std::array<std::array<double, 3>, 3>;
    Matrix matrix{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
    double offset = 0; // the same in all channels, which neither saturation nor hue changes
    const auto apply = [&](const Matrix& by) {
        Matrix product{};
        for (size_t i = 0; i < 3; ++i)
            for (size_t j = 0; j < 3; ++j)
                for (size_t k = 0; k < 3; ++k) product[i][j] += by[i][k] * matrix[k][j];
        matrix = product;
    };
    const auto contrast = [&] {
        if (!numbers.half()) return;
        const double factor = numbers.between(0.5, 1.5);
        for (auto& row : matrix)
            for (double& value : row) value *= factor;
        offset *= factor;
    };
    if (numbers.half()) offset += numbers.between(-32, 32);
    const bool contrast_first = numbers.half();
    if (contrast_first) contrast();
    if (image.channels == 3 && numbers.half()) {
        const double kept = numbers.between(0.5, 1.5);
        static constexpr std::array<double, 3> luma{0.299, 0.587, 0.114};
        Matrix saturation{};
        for (size_t i = 0; i < 3; ++i)
            for (size_t j = 0; j < 3; ++j) saturation[i][j] = (1 - kept) * luma[j] + (i == j ? kept : 0);
        apply(saturation);
    }
    if (image.channels == 3 && numbers.half()) {
        const double angle = numbers.between(-18, 18) * std::acos(-1.0) / 180;
        const double c = std::cos(angle), s = std::sin(angle) / std::sqrt(3.0), third = (1 - c) / 3;
        apply({{{c + third, third - s, third + s}, {third + s, c + third, third - s}, {third - s, third + s, c + third}}});
    }
    if (!contrast_first) contrast();
    const auto byte = [](double value) { return uint8_t(std::lround(std::clamp(value, 0.0, 255.0))); };
    if (image.channels == 3)
        for (size_t at = 0; at + 2 < image.pixels.size(); at += 3) {
            uint8_t* p = image.pixels.data() + at;
            const double r = p[0], g = p[1], b = p[2];
            for (size_t i = 0; i < 3; ++i) p[i] = byte(matrix[i][0] * r + matrix[i][1] * g + matrix[i][2] * b + offset);
        }
    else
        for (uint8_t& value : image.pixels) value = byte(matrix[0][0] * value + offset);
}

static void mirror(Image& image, std::vector<Box>& boxes) {
    const auto channels = size_t(image.channels), row = size_t(image.width) * channels;
    for (size_t begin = 0; begin < image.pixels.size(); begin += row)
        for (size_t left = 0, right = size_t(image.width) - 1; left < right; ++left, --right)
            for (size_t c = 0; c < channels; ++c)
                std::swap(image.pixels[begin + left * channels + c], image.pixels[begin + right * channels + c]);
    for (Box& box : boxes) {
        const float left = box.left;
        box.left = 1 - box.right;
        box.right = 1 - left;
    }
}

Image augment(const Image& picture, std::vector<Box>& boxes, const RecordShape& shape, const Draw& draw) {
    Numbers numbers(draw);
    const View view = choose_view(boxes, {picture.height, picture.width}, draw.augmentation, numbers);
    boxes = boxes_in_view(boxes, view);
    Image image = render_view(picture, view, shape);
    if (draw.augmentation.flip && numbers.half()) mirror(image, boxes);
    if (draw.augmentation.colours) change_colours(image, numbers);
    return image;
}

} // namespace lemnos
