// Pictures of 8 bits a channel, in the order height, width, channel: decoded from PNG and JPEG, scaled, and
// written as PNG.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace lemnos {

constexpr int largest_image_side = 16384;
constexpr int64_t most_image_pixels = int64_t(1) << 27;
constexpr int64_t largest_image_file = int64_t(1) << 29;

struct PictureSize { // in pixels
    int height = 0;
    int width = 0;
    bool operator==(const PictureSize&) const = default;
};

struct Image {
    int height = 0;
    int width = 0;
    int channels = 0; // 1: grey, 3: RGB
    std::vector<uint8_t> pixels;
};

// Decodes a PNG or JPEG; grey and RGB are converted to the channels that are asked for (1 or 3), transparency
// is dropped. A file that is cut or damaged is file_malformed, as far as its format lets one see: a PNG's
// checksums are verified, a JPEG must be whole. `name` is what a sentence calls the bytes.
Image decode_image(std::span<const uint8_t> bytes, int channels, const std::string& name);
Image read_image(const std::string& path, int channels);

// The size that a PNG or JPEG says it has, from as little of the file as says so.
PictureSize read_image_size(const std::string& path);

// Scales to the given size by a triangle filter that widens when it shrinks the picture (bilinear,
// antialiased): the arithmetic of Pillow's Image.resize(…, BILINEAR), bit for bit.
Image resize_image(Image image, int height, int width);

// A part of a picture, in its pixels. It may reach beyond the picture.
struct PictureWindow {
    double top = 0, left = 0, height = 0, width = 0;
    bool operator==(const PictureWindow&) const = default;
};

// Scales what a window shows to height x width, by the same filter: the whole picture as a window gives what
// resize_image() gives. Only what the window shows is computed. `outside` is the value of each channel beyond
// the picture; null: nothing is there, and the filter's weights are those of what is inside. Where the window
// shows nothing of the picture there must be an `outside`. `mirrored` exchanges left and right.
// `inside`, if not null, changes the colours of the picture (count pixels) before it is laid over `outside`.
using ChangePixels = std::function<void(uint8_t* pixels, int64_t count)>;
void resize_window(const Image& image, const PictureWindow& window, bool mirrored, const uint8_t* outside,
                   const ChangePixels& inside, int height, int width, uint8_t* to);

std::vector<uint8_t> encode_png(const Image& image);
void write_png(const std::string& path, const Image& image); // atomically

} // namespace lemnos
