// Augmentation of pictures with boxes: scaling of windows against a naive reference, colours against HSV in
// double, and the rules of the paper over many draws.
#include "data/augmentation.h"

#include "boxed.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <thread>

namespace lemnos {
namespace {

using namespace test;

Image noise(int height, int width, int channels, uint32_t seed) {
    std::mt19937 random(seed);
    Image image{height, width, channels, Bytes(size_t(height * width * channels))};
    for (uint8_t& value : image.pixels) value = uint8_t(random());
    return image;
}

Bytes window_of(const Image& image, const PictureWindow& window, bool mirrored, const uint8_t* outside,
                int height, int width) {
    Bytes pixels(size_t(height * width * image.channels));
    resize_window(image, window, mirrored, outside, {}, height, width, pixels.data());
    return pixels;
}

Bytes mirrored(Bytes pixels, int width, int channels) {
    const auto line = size_t(width * channels);
    for (size_t row = 0; row < pixels.size(); row += line)
        for (int x = 0; x < width / 2; ++x)
            std::swap_ranges(&pixels[row + size_t(x * channels)],
                             &pixels[row + size_t(x * channels)] + channels,
                             &pixels[row + size_t((width - 1 - x) * channels)]);
    return pixels;
}

// ---- windows
// -----------------------------------------------------------------------------------------------

TEST(PictureWindow, TheWholePictureIsScaledLikeAnyOther) {
    for (const int channels : {1, 3})
        for (const auto& [height, width, to_height, to_width] : std::initializer_list<std::array<int, 4>>{
                 {7, 9, 7, 9}, {40, 31, 8, 12}, {5, 6, 17, 13}, {50, 8, 8, 50}}) {
            const Image image = noise(height, width, channels, 1);
            const PictureWindow whole = {0, 0, double(height), double(width)};
            const Bytes expected = resize_image(image, to_height, to_width).pixels;
            const uint8_t grey[] = {9, 9, 9};
            EXPECT_EQ(window_of(image, whole, false, nullptr, to_height, to_width), expected);
            EXPECT_EQ(
                mirrored(window_of(image, whole, true, nullptr, to_height, to_width), to_width, channels),
                expected);
            if (to_height == height) {
                EXPECT_EQ(window_of(image, whole, false, grey, to_height, to_width), expected);
            }
        }
}

TEST(PictureWindow, AgreesWithTheReference) {
    // Over the endless plane, in double. Both passes round to whole values, so up to 1 is lost.
    std::mt19937 random(5);
    const auto between = [&](double from, double to) {
        return from + (to - from) * double(random()) / 4294967296.0;
    };
    for (int round = 0; round < 60; ++round) {
        SCOPED_TRACE(round);
        const Image image = noise(20 + int(random() % 20), 20 + int(random() % 20), 3, random());
        const bool beyond = round % 2 == 0;
        PictureWindow window = {between(0, 10), between(0, 10), between(1, 10), between(1, 10)};
        if (beyond) window = {between(-40, 15), between(-40, 15), between(10, 60), between(10, 60)};
        const int height = 1 + int(random() % 15), width = 1 + int(random() % 15);
        const std::array<uint8_t, 3> outside = {200, 100, 0};
        const Bytes found = window_of(image, window, false, beyond ? outside.data() : nullptr, height, width);
        for (int y = 0; y < height; ++y)
            for (int x = 0; x < width; ++x)
                for (int c = 0; c < 3; ++c) {
                    const double sy = window.height / height, sx = window.width / width;
                    const double cy = window.top + (y + 0.5) * sy, cx = window.left + (x + 0.5) * sx;
                    const double ry = std::max(sy, 1.0), rx = std::max(sx, 1.0);
                    double sum = 0, weights = 0;
                    for (int v = int(std::floor(cy - ry)) - 1; v <= cy + ry + 1; ++v)
                        for (int u = int(std::floor(cx - rx)) - 1; u <= cx + rx + 1; ++u) {
                            const double weight = std::max(0.0, 1 - std::abs(v + 0.5 - cy) / ry) *
                                                  std::max(0.0, 1 - std::abs(u + 0.5 - cx) / rx);
                            const bool inside = v >= 0 && u >= 0 && v < image.height && u < image.width;
                            if (!inside && !beyond) continue;
                            weights += weight;
                            sum += weight * (inside ? image.pixels[size_t((v * image.width + u) * 3 + c)]
                                                    : outside[size_t(c)]);
                        }
                    EXPECT_NEAR(found[size_t((y * width + x) * 3 + c)], sum / weights, 1.51);
                }
    }
}

TEST(PictureWindow, RefusesWhatShowsNothing) {
    const Image image = noise(4, 4, 3, 1);
    expect_refusal(ErrorCode::invalid_argument, {"0 x 4", "shows nothing"}, [&] {
        window_of(image, {0, 0, 0, 4}, false, nullptr, 2, 2);
    });
    expect_refusal(ErrorCode::invalid_argument, {"beyond its picture"}, [&] {
        window_of(image, {-20, 0, 40, 4}, false, nullptr, 8, 2);
    });
    const uint8_t outside[] = {1, 2, 3};
    EXPECT_EQ(window_of(image, {-20, 0, 4, 4}, false, outside, 1, 2), (Bytes{1, 2, 3, 1, 2, 3}));
}

// ---- colours
// -----------------------------------------------------------------------------------------------

std::array<double, 3> changed(std::array<double, 3> rgb, const ColourChange& change) {
    const auto hold = [&] {
        for (double& value : rgb) value = std::clamp(value, 0.0, 255.0);
    };
    const auto contrast = [&] {
        for (double& value : rgb) value *= change.contrast;
        hold();
    };
    for (double& value : rgb) value += change.brightness;
    hold();
    if (!change.contrast_last) contrast();
    // To HSV as OpenCV's documentation has it.
    const double v = *std::max_element(rgb.begin(), rgb.end()),
                 least = *std::min_element(rgb.begin(), rgb.end());
    double s = v > 0 ? (v - least) / v : 0, h = 0;
    if (v > least) {
        if (v == rgb[0])
            h = 60 * (rgb[1] - rgb[2]) / (v - least);
        else if (v == rgb[1])
            h = 120 + 60 * (rgb[2] - rgb[0]) / (v - least);
        else
            h = 240 + 60 * (rgb[0] - rgb[1]) / (v - least);
    }
    s = std::min(1.0, s * change.saturation);
    h = std::fmod(h + change.hue + 720, 360.0);
    // And back, by sectors.
    const double chroma = v * s, second = chroma * (1 - std::abs(std::fmod(h / 60, 2.0) - 1)),
                 base = v - chroma;
    const std::array<double, 3> sectors[] = {{chroma, second, 0}, {second, chroma, 0}, {0, chroma, second},
                                             {0, second, chroma}, {second, 0, chroma}, {chroma, 0, second}};
    for (size_t c = 0; c < 3; ++c) rgb[c] = base + sectors[int(h / 60) % 6][c];
    hold();
    if (change.contrast_last) contrast();
    return rgb;
}

TEST(Colours, AgreeWithTheReference) {
    for (uint32_t sample = 0; sample < 100; ++sample) {
        ColourChange change = draw_colours({.seed = 4, .epoch = 1, .sample = sample});
        if (sample == 0) change = {.hue = 18};
        if (sample == 1) change = {.saturation = 1.5f};
        Image image = noise(30, 11, 3, sample);
        for (size_t i = 0; i < 30; ++i) image.pixels[i] = i < 15 ? 77 : i % 3 ? 0 : 255; // grey, and full red
        const Bytes before = image.pixels;
        change_colours(change, image.pixels.data(), 330, 3);
        for (size_t i = 0; i < before.size(); i += 3) {
            const auto expected =
                changed({double(before[i]), double(before[i + 1]), double(before[i + 2])}, change);
            for (size_t c = 0; c < 3; ++c)
                ASSERT_NEAR(image.pixels[i + c], expected[c], 0.502) // rounding, and f32's errors before it
                    << "sample " << sample << ", pixel " << i / 3;
        }
    }
}

TEST(Colours, DrawsEachChangeHalfTheTime) {
    int changes[5] = {};
    constexpr int draws = 4000;
    for (uint32_t sample = 0; sample < draws; ++sample) {
        const ColourChange change = draw_colours({.seed = 9, .epoch = 2, .sample = sample});
        changes[0] += change.brightness != 0;
        changes[1] += change.contrast != 1;
        changes[2] += change.saturation != 1;
        changes[3] += change.hue != 0;
        changes[4] += change.contrast_last;
        EXPECT_LE(std::abs(change.brightness), 32);
        EXPECT_LE(std::abs(change.contrast - 1), 0.5f);
        EXPECT_LE(std::abs(change.saturation - 1), 0.5f);
        EXPECT_LE(std::abs(change.hue), 18);
    }
    for (const int count : changes)
        EXPECT_NEAR(count, draws / 2, 5 * std::sqrt(draws) / 2); // five deviations
    Image grey = noise(9, 9, 1, 3);
    const Bytes before = grey.pixels;
    change_colours({.saturation = 1.3f, .hue = 9}, grey.pixels.data(), 81, 1);
    EXPECT_EQ(grey.pixels, before);
    change_colours({.brightness = 3}, grey.pixels.data(), 81, 1);
    for (size_t i = 0; i < 81; ++i) EXPECT_EQ(grey.pixels[i], std::min(before[i] + 3, 255));
}

// ---- geometry
// ----------------------------------------------------------------------------------------------

std::vector<Box> random_boxes(std::mt19937& random, size_t count) {
    std::vector<Box> boxes;
    const auto side = [&] { return float(random() % 1000) / 1000; };
    while (boxes.size() < count) {
        Box box = {float(boxes.size()), side(), side(), side(), side()};
        if (box.top > box.bottom) std::swap(box.top, box.bottom);
        if (box.left > box.right) std::swap(box.left, box.right);
        if (box.top < box.bottom && box.left < box.right) boxes.push_back(box);
    }
    return boxes;
}

TEST(Augmentation, KeepsThePapersRules) {
    std::mt19937 random(17);
    std::map<double, int> kinds;
    int expanded = 0, flipped = 0;
    constexpr uint32_t draws = 3000;
    for (uint32_t sample = 0; sample < draws; ++sample) {
        SCOPED_TRACE(sample);
        const PictureSize size = {1 + int(random() % 500), 1 + int(random() % 500)};
        std::vector<Box> boxes = random_boxes(random, 1 + random() % 5);
        if (sample % 3 == 0) boxes[0] = {0, 0.02f, 0.02f, 0.97f, 0.97f}; // which patches can overlap by 0.9
        const Draw draw = {.seed = 8, .epoch = 3, .sample = sample};
        const DrawnGeometry geometry = draw_geometry(draw, size, boxes);
        const PictureWindow& window = geometry.window;
        ++kinds[geometry.least_overlap];
        expanded += geometry.expanded;
        flipped += geometry.mirrored;

        // The window in the picture, or on its canvas of at most 4 by 4 pictures.
        const double room = geometry.expanded ? 3 : 0, slack = 1e-9;
        EXPECT_GE(window.top, -(room + slack) * size.height);
        EXPECT_GE(window.left, -(room + slack) * size.width);
        EXPECT_LE(window.top + window.height, (1 + room + slack) * size.height);
        EXPECT_LE(window.left + window.width, (1 + room + slack) * size.width);
        if (!geometry.expanded) {
            const double height = window.height / size.height, width = window.width / size.width;
            EXPECT_GE(std::sqrt(height * width), 0.3 - slack);
            EXPECT_GE(width / height, 0.5 - slack);
            EXPECT_LE(width / height, 2 + slack);
        }

        // Of which boxes the centre is seen, and some box overlaps enough, by another computation.
        const Box shown = {0, float(window.top / size.height), float(window.left / size.width),
                           float((window.top + window.height) / size.height),
                           float((window.left + window.width) / size.width)};
        double most = 0;
        std::vector<float> labels;
        for (const Box& box : boxes) {
            most = std::max(most, overlap(shown, box));
            const double y = (double(box.top) + box.bottom) / 2 * size.height,
                         x = (double(box.left) + box.right) / 2 * size.width;
            if (y > window.top && y < window.top + window.height && x > window.left &&
                x < window.left + window.width)
                labels.push_back(box.label);
        }
        EXPECT_GE(most, geometry.least_overlap - 1e-5);
        EXPECT_FALSE(labels.empty());
        const std::vector<Box> seen = boxes_seen(geometry, size, boxes);
        ASSERT_EQ(seen.size(), labels.size());
        for (size_t i = 0; i < seen.size(); ++i) {
            EXPECT_EQ(seen[i].label, labels[i]);
            EXPECT_TRUE(0 <= seen[i].top && seen[i].top < seen[i].bottom && seen[i].bottom <= 1);
            EXPECT_TRUE(0 <= seen[i].left && seen[i].left < seen[i].right && seen[i].right <= 1);
            // Back into the picture: what lies in the window.
            const Box& box = boxes[size_t(labels[i])];
            const auto back = [&](float edge) {
                return (window.left + (geometry.mirrored ? 1 - edge : edge) * window.width) / size.width;
            };
            const double lefts[] = {back(seen[i].left), back(seen[i].right)};
            EXPECT_NEAR(std::min(lefts[0], lefts[1]), std::max(box.left, shown.left), 1e-5);
            EXPECT_NEAR(std::max(lefts[0], lefts[1]), std::min(box.right, shown.right), 1e-5);
            EXPECT_NEAR((window.top + seen[i].top * window.height) / size.height,
                        std::max(box.top, shown.top), 1e-5);
        }
        // Mirrored twice is as it was, but for the rounding of 1 - x.
        DrawnGeometry mirror{{0, 0, double(size.height), double(size.width)}};
        mirror.mirrored = true;
        const std::vector<Box> twice = boxes_seen(mirror, size, boxes_seen(mirror, size, boxes));
        ASSERT_EQ(twice.size(), boxes.size());
        for (size_t i = 0; i < boxes.size(); ++i) {
            EXPECT_NEAR(twice[i].left, boxes[i].left, 0x1p-23);
            EXPECT_NEAR(twice[i].right, boxes[i].right, 0x1p-23);
            EXPECT_EQ(twice[i].top, boxes[i].top);
        }
    }
    const double deviation = std::sqrt(draws) / 2;
    EXPECT_NEAR(expanded, draws / 2.0, 5 * deviation);
    EXPECT_NEAR(flipped, draws / 2.0, 5 * deviation);
    // Where 50 patches did not do another kind is drawn, so easy ones come more often.
    for (const double kind : {-1.0, 0.0, 0.1, 0.3, 0.5, 0.7}) EXPECT_GT(kinds[kind], int(draws) / 60) << kind;
    EXPECT_GT(kinds[0.9], 0);
    EXPECT_EQ(kinds.size(), 7u);
}

TEST(Augmentation, DoesWhatItIsAsked) {
    std::mt19937 random(3);
    const Image image = noise(30, 40, 3, 2);
    const std::vector<Box> boxes = random_boxes(random, 4);
    for (uint32_t sample = 0; sample < 50; ++sample) {
        Draw draw{.augmentation = {false, false, false, false}, .seed = 1, .sample = sample};
        std::vector<Box> seen = boxes;
        Bytes pixels(16 * 16 * 3);
        augment(image, draw, 16, 16, pixels.data(), seen);
        EXPECT_EQ(seen, boxes);
        EXPECT_EQ(pixels, resize_image(image, 16, 16).pixels);
        draw.augmentation.flip = true;
        const bool flips = draw_geometry(draw, {30, 40}, boxes).mirrored;
        augment(image, draw, 16, 16, pixels.data(), seen);
        if (flips) pixels = mirrored(pixels, 16, 3);
        EXPECT_EQ(pixels, resize_image(image, 16, 16).pixels);
        draw.augmentation = {.crop = false, .colours = false};
        EXPECT_EQ(draw_geometry(draw, {30, 40}, boxes).least_overlap, -1);
        draw.augmentation.expand = false;
        EXPECT_EQ(draw_geometry(draw, {30, 40}, boxes).window, (PictureWindow{0, 0, 30, 40}));
    }
    // A picture of nothing has windows, too; and the canvas has the colour that is asked for.
    bool corner_is_canvas = false;
    for (uint32_t sample = 0; sample < 200; ++sample) {
        std::vector<Box> nothing;
        Bytes pixels(16 * 16 * 3);
        augment(image, {.augmentation = {.mean = {1, 2, 3}}, .seed = 1, .sample = sample}, 16, 16,
                pixels.data(), nothing);
        EXPECT_TRUE(nothing.empty());
        corner_is_canvas = corner_is_canvas || (pixels[0] == 1 && pixels[1] == 2 && pixels[2] == 3);
    }
    EXPECT_TRUE(corner_is_canvas);
    std::vector<Box> some = boxes;
    Bytes pixels(100);
    augment(noise(20, 20, 1, 1), {.seed = 1}, 10, 10, pixels.data(), some); // grey
}

TEST(Augmentation, IsTheSameInAnyThread) {
    const ScratchFolder scratch;
    std::string lines = "file,class,xmin,ymin,xmax,ymax\n";
    for (int i = 0; i < 20; ++i) {
        const std::string name = text(i, ".png");
        scratch.write(name, encode_png(noise(40, 50, 3, uint32_t(i))));
        for (int j = 0; j <= i % 3; ++j)
            lines += text(name, ",c", j, ",", 3 * j, ",", i % 7, ",", 20 + 7 * j, ",", 30 + i % 9, "\n");
    }
    scratch.write("boxes.csv", lines);
    std::vector<Content> expected;
    const auto read = [](const Dataset& dataset, int64_t i) {
        const Draw draw{.seed = 7, .epoch = uint32_t(i / 20), .sample = uint32_t(i % 20)};
        return content(dataset, i % 20, &draw);
    };
    {
        const auto dataset = open_dataset(scratch.path(), "train", {24, 32, 3});
        for (int64_t i = 0; i < 60; ++i) expected.push_back(read(*dataset, i));
    }
    EXPECT_NE(expected[0], expected[20]); // another epoch
    const auto dataset = open_dataset(scratch.path(), "train", {24, 32, 3});
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (int64_t thread = 0; thread < 4; ++thread)
        threads.emplace_back([&, thread] {
            for (int64_t i = 59; i >= 0; --i) {
                const int64_t which = (i * 7 + thread) % 60;
                wrong += read(*dataset, which) != expected[size_t(which)];
            }
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
}

} // namespace
} // namespace lemnos
