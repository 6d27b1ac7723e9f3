#include "data/augmentation.h"

#include "support/random.h"

#include <algorithm>
#include <cmath>

namespace lemnos {
namespace {

constexpr double largest_expansion = 4; // of a side
constexpr std::array<double, 7> least_overlaps = {-1, 0.1, 0.3, 0.5, 0.7, 0.9, 0};
constexpr int trials = 50; // of a patch, and of kinds of patches
constexpr double least_scale = 0.3, largest_aspect = 2;
constexpr float most_brightness = 32, most_factor = 0.5f, most_hue = 18;

// What random numbers are drawn for; each has its own, so that choosing one does not change the others.
enum class Purpose : uint32_t { expand, crop, flip, colours };

// The random numbers of a draw for one purpose, one after the other.
class Numbers {
  public:
    Numbers(const Draw& draw, Purpose purpose) : draw_(draw), first_(uint32_t(purpose) << 24) {}

    double uniform() { return double(next() >> 8) * 0x1p-24; } // 0 ≤ … < 1
    double uniform(double from, double to) { return from + (to - from) * uniform(); }
    bool coin() { return next() >> 31; }
    uint32_t below(uint32_t bound) {
        const uint32_t low = next();
        return random_below(low, next(), bound);
    }

  private:
    uint32_t next() {
        if (used_ % 4 == 0)
            bits_ = random_bits(draw_.seed, draw_.sample, draw_.epoch, RandomPurpose::augmentation,
                                first_ + used_ / 4);
        return bits_[used_++ % 4];
    }

    const Draw& draw_;
    uint32_t first_;
    PhiloxCounter bits_{};
    uint32_t used_ = 0;
};

struct Edges {
    double top, left, bottom, right; // in fractions of a canvas
};

Edges in_window(const Box& box, PictureSize size, const PictureWindow& window) {
    return {(double(box.top) * size.height - window.top) / window.height,
            (double(box.left) * size.width - window.left) / window.width,
            (double(box.bottom) * size.height - window.top) / window.height,
            (double(box.right) * size.width - window.left) / window.width};
}

double overlap_of(const Edges& a, const Edges& b) {
    const double height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
    const double width = std::min(a.right, b.right) - std::max(a.left, b.left);
    if (!(height > 0 && width > 0)) return 0;
    const auto area = [](const Edges& e) { return (e.bottom - e.top) * (e.right - e.left); };
    return height * width / (area(a) + area(b) - height * width);
}

bool holds_centre(const Edges& patch, const Edges& box) {
    const double y = (box.top + box.bottom) / 2, x = (box.left + box.right) / 2;
    return y > patch.top && y < patch.bottom && x > patch.left && x < patch.right;
}

// A patch of a canvas, all in fractions of it.
Edges any_patch(Numbers& numbers) {
    const double scale = numbers.uniform(least_scale, 1);
    const double aspect = numbers.uniform(std::max(1 / largest_aspect, scale * scale),
                                          std::min(largest_aspect, 1 / (scale * scale)));
    const double width = std::min(scale * std::sqrt(aspect), 1.0);
    const double height = std::min(scale / std::sqrt(aspect), 1.0);
    const double left = numbers.uniform(0, 1 - width), top = numbers.uniform(0, 1 - height);
    return {top, left, top + height, left + width};
}

// The kind of patch is drawn first. Where no patch of it is found, another kind is drawn.
void draw_crop(const Draw& draw, PictureSize size, const std::vector<Box>& boxes, DrawnGeometry& geometry) {
    Numbers numbers(draw, Purpose::crop);
    const PictureWindow canvas = geometry.window;
    std::vector<Edges> edges;
    for (const Box& box : boxes) edges.push_back(in_window(box, size, canvas));
    for (int kind = 0; kind < trials; ++kind) {
        const double least = least_overlaps[numbers.below(least_overlaps.size())];
        if (least < 0) return; // the whole canvas
        if (least > 0 && boxes.empty()) continue;
        for (int trial = 0; trial < trials; ++trial) {
            const Edges patch = any_patch(numbers);
            double most = 0;
            bool holds = boxes.empty();
            for (const Edges& box : edges) {
                most = std::max(most, overlap_of(patch, box));
                holds = holds || holds_centre(patch, box);
            }
            if (!holds || most < least) continue;
            geometry.least_overlap = least;
            geometry.window = {
                canvas.top + patch.top * canvas.height, canvas.left + patch.left * canvas.width,
                (patch.bottom - patch.top) * canvas.height, (patch.right - patch.left) * canvas.width};
            return;
        }
    }
}

// ---- colours
// -----------------------------------------------------------------------------------------------

// Pixels are changed in portions, a plane for each channel, which compilers turn into vector code.
constexpr int64_t portion = 256;
struct Planes {
    std::array<std::array<float, portion>, 3> of;
};

float held(float value) { return std::min(std::max(value, 0.0f), 255.0f); }

constexpr float no_division_by_zero = 1e-20f; // far below any difference of two values that counts

void multiply_contrast(Planes& planes, int channels, float factor) {
    for (int c = 0; c < channels; ++c)
        for (float& value : planes.of[size_t(c)]) value = held(value * factor);
}

// In HSV, S = (V - least) / V is multiplied and held at 1, while V and H stay: every value's distance from V
// is multiplied.
void multiply_saturation(Planes& planes, float factor) {
    auto& [red, green, blue] = planes.of;
    for (size_t i = 0; i < portion; ++i) {
        const float most = std::max(red[i], std::max(green[i], blue[i]));
        const float least = std::min(red[i], std::min(green[i], blue[i]));
        const float all = std::min(factor, most / (most - least + no_division_by_zero));
        red[i] = most - (most - red[i]) * all;
        green[i] = most - (most - green[i]) * all;
        blue[i] = most - (most - blue[i]) * all;
    }
}

// To HSV and back; the hue counts sixths of the circle.
void turn_hue(Planes& planes, float sixths) {
    auto& [red, green, blue] = planes.of;
    for (size_t i = 0; i < portion; ++i) {
        const float r = red[i], g = green[i], b = blue[i];
        const float most = std::max(r, std::max(g, b));
        const float span = most - std::min(r, std::min(g, b));
        const float inverse = 1 / (span + no_division_by_zero);
        const float of_red = (g - b) * inverse, of_green = 2 + (b - r) * inverse,
                    of_blue = 4 + (r - g) * inverse;
        float hue = (most == r ? of_red : most == g ? of_green : of_blue) + sixths;
        hue += hue < 0 ? 6.0f : 0.0f;
        hue -= hue >= 6 ? 6.0f : 0.0f;
        const auto value = [&](float shift) {
            float k = hue + shift;
            k -= k >= 6 ? 6.0f : 0.0f;
            return most - span * std::min(std::max(std::min(k, 4 - k), 0.0f), 1.0f);
        };
        red[i] = value(5);
        green[i] = value(3);
        blue[i] = value(1);
    }
}

} // namespace

double overlap(const Box& a, const Box& b) {
    return overlap_of({a.top, a.left, a.bottom, a.right}, {b.top, b.left, b.bottom, b.right});
}

DrawnGeometry draw_geometry(const Draw& draw, PictureSize size, const std::vector<Box>& boxes) {
    DrawnGeometry geometry{{0, 0, double(size.height), double(size.width)}};
    if (Numbers numbers(draw, Purpose::expand); draw.augmentation.expand && numbers.coin()) {
        const double factor = numbers.uniform(1, largest_expansion);
        geometry.expanded = true;
        geometry.window.height *= factor;
        geometry.window.width *= factor;
        geometry.window.top = -numbers.uniform() * (geometry.window.height - size.height);
        geometry.window.left = -numbers.uniform() * (geometry.window.width - size.width);
    }
    if (draw.augmentation.crop) draw_crop(draw, size, boxes, geometry);
    geometry.mirrored = draw.augmentation.flip && Numbers(draw, Purpose::flip).coin();
    return geometry;
}

std::vector<Box> boxes_seen(const DrawnGeometry& geometry, PictureSize size, const std::vector<Box>& boxes) {
    std::vector<Box> seen;
    for (const Box& box : boxes) {
        const Edges edges = in_window(box, size, geometry.window);
        if (!holds_centre({0, 0, 1, 1}, edges)) continue;
        const auto inside = [](double edge) { return static_cast<float>(std::clamp(edge, 0.0, 1.0)); };
        Box one = {box.label, inside(edges.top), inside(edges.left), inside(edges.bottom),
                   inside(edges.right)};
        if (geometry.mirrored) {
            one.left = inside(1 - edges.right);
            one.right = inside(1 - edges.left);
        }
        if (one.left < one.right && one.top < one.bottom) seen.push_back(one);
    }
    return seen;
}

ColourChange draw_colours(const Draw& draw) {
    if (!draw.augmentation.colours) return {};
    Numbers numbers(draw, Purpose::colours);
    const auto perhaps = [&](float usual, float most) {
        const bool changed = numbers.coin();
        const double value = numbers.uniform(usual - most, usual + most);
        return changed ? static_cast<float>(value) : usual;
    };
    ColourChange change;
    change.brightness = perhaps(0, most_brightness);
    change.contrast = perhaps(1, most_factor);
    change.saturation = perhaps(1, most_factor);
    change.hue = perhaps(0, most_hue);
    change.contrast_last = numbers.coin();
    return change;
}

void change_colours(const ColourChange& change, uint8_t* pixels, int64_t count, int channels) {
    const bool coloured = channels == 3;
    if (change.brightness == 0 && change.contrast == 1 &&
        (!coloured || (change.saturation == 1 && change.hue == 0)))
        return;
    Planes planes{};
    for (int64_t done = 0; done < count; done += portion) {
        const auto now = static_cast<size_t>(std::min(portion, count - done));
        uint8_t* first = pixels + done * channels;
        for (size_t i = 0; i < now; ++i)
            for (size_t c = 0; c < static_cast<size_t>(channels); ++c)
                planes.of[c][i] =
                    held(float(first[i * static_cast<size_t>(channels) + c]) + change.brightness);
        if (change.contrast != 1 && !change.contrast_last)
            multiply_contrast(planes, channels, change.contrast);
        if (coloured && change.saturation != 1) multiply_saturation(planes, change.saturation);
        if (coloured && change.hue != 0) turn_hue(planes, change.hue / 60);
        if (change.contrast != 1 && change.contrast_last)
            multiply_contrast(planes, channels, change.contrast);
        for (size_t i = 0; i < now; ++i)
            for (size_t c = 0; c < static_cast<size_t>(channels); ++c)
                first[i * static_cast<size_t>(channels) + c] =
                    static_cast<uint8_t>(held(planes.of[c][i]) + 0.5f);
    }
}

void augment(const Image& image, const Draw& draw, int height, int width, uint8_t* pixels,
             std::vector<Box>& boxes) {
    const PictureSize size = {image.height, image.width};
    const DrawnGeometry geometry = draw_geometry(draw, size, boxes);
    boxes = boxes_seen(geometry, size, boxes);
    const ColourChange change = draw_colours(draw);
    // Colours change after scaling, which is less work and the same but for rounding and what is held at 0
    // and 255; what lies around the picture keeps its colour.
    std::array<uint8_t, 3> around = draw.augmentation.mean;
    if (image.channels == 1)
        around[0] = static_cast<uint8_t>((around[0] * 77 + around[1] * 150 + around[2] * 29) >> 8);
    resize_window(
        image, geometry.window, geometry.mirrored, geometry.expanded ? around.data() : nullptr,
        [&](uint8_t* shown, int64_t count) { change_colours(change, shown, count, image.channels); }, height,
        width, pixels);
}

} // namespace lemnos
