// The only file that compiles stb_image and stb_image_write. Both are static here, so a program that has its
// own copy meets no second symbol. What stb (2.27, in Debian 12) does not check is checked here, before it
// sees a file: a PNG's checksums, that a JPEG is whole, and that its Huffman tables are no longer than stb's
// arrays, over whose end it writes.
#include "data/image.h"

#include "support/error.h"
#include "support/file.h"

#include <algorithm>
#include <array>
#include <climits>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>

#include <zlib.h>

// stb reads Huffman tables that a JPEG never defined, so its memory starts as zeros. It asserts on what files
// say, so its asserts go. What is left is a shift by more than 31 bits in a damaged JPEG, whose result it
// does not use for any address: a fuzzer of this file wants -fno-sanitize=shift.
#define STBI_MALLOC(bytes) std::calloc(1, bytes)
#define STBI_REALLOC(pointer, bytes) std::realloc(pointer, bytes)
#define STBI_FREE(pointer) std::free(pointer)
#define STBI_ASSERT(condition) static_cast<void>(0)
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#define STBI_MAX_DIMENSIONS 16384
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb_image.h>
#include <stb_image_write.h>
#pragma GCC diagnostic pop

namespace lemnos {
namespace {

static_assert(largest_image_side == STBI_MAX_DIMENSIONS);

using Bytes = std::span<const uint8_t>;
constexpr std::array<uint8_t, 8> png_signature = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
// The tightest packing: deflate makes 1032 bytes, of 8 pixels each, from one; a progressive JPEG needs a bit
// for every block of 64 pixels. Whoever claims more is refused before memory is taken for it.
constexpr int64_t png_pixels_per_byte = 8 * 1032;
constexpr int64_t jpeg_pixels_per_byte = 8 * 64;

[[noreturn]] void malformed(const std::string& name, const std::string& what) {
    fail(ErrorCode::file_malformed, "The image \"", name, "\" cannot be decoded: ", what, ".");
}

uint32_t big_endian(Bytes bytes, size_t at) {
    return uint32_t(bytes[at]) << 24 | uint32_t(bytes[at + 1]) << 16 | uint32_t(bytes[at + 2]) << 8 |
           bytes[at + 3];
}

// Walks the chunks (length, type, data, CRC-32 of type and data) to IEND.
void check_png(Bytes bytes, const std::string& name) {
    constexpr size_t frame = 12; // of a chunk, without its data
    for (size_t at = png_signature.size(); bytes.size() - at >= frame;) {
        const size_t length = big_endian(bytes, at);
        if (length > bytes.size() - at - frame) break;
        const uint32_t expected = big_endian(bytes, at + 8 + length);
        const auto found = static_cast<uint32_t>(crc32_z(0, bytes.data() + at + 4, length + 4));
        if (found != expected)
            malformed(name, text("the checksum of its PNG chunk at byte ", at, " is wrong"));
        if (std::memcmp(bytes.data() + at + 4, "IEND", 4) == 0) return;
        at += frame + length;
    }
    malformed(name, text("its PNG data is cut at byte ", bytes.size()));
}

// A segment of Huffman tables: for each its identity, how many codes it has of 1 to 16 bits, and their
// values.
void check_huffman_tables(Bytes tables, const std::string& name) {
    constexpr size_t head = 17, most_codes = 256;
    while (!tables.empty()) {
        const size_t codes =
            tables.size() < head ? 0 : std::accumulate(&tables[1], &tables[0] + head, size_t(0));
        if (tables.size() < head || codes > most_codes || codes > tables.size() - head)
            malformed(name, text("a Huffman table in its JPEG data has ", codes, " codes in ", tables.size(),
                                 " bytes (at most ", most_codes, " codes, of a byte each after the first ",
                                 head, ")"));
        tables = tables.subspan(head + codes);
    }
}

// Walks the segments (0xFF, marker, length) to EOI. Between them lie packed data, in which 0xFF is followed
// by 0 or by a restart marker, and in some files padding.
void check_jpeg(Bytes bytes, const std::string& name) {
    constexpr uint8_t end_of_image = 0xd9, huffman_tables = 0xc4, first_restart = 0xd0, last_restart = 0xd7;
    for (size_t at = 2; bytes.size() - at >= 2;) {
        const uint8_t marker = bytes[at + 1];
        if (bytes[at] != 0xff || marker == 0xff || marker == 0 ||
            (marker >= first_restart && marker <= last_restart)) {
            ++at;
            continue;
        }
        if (marker == end_of_image) return;
        if (bytes.size() - at < 4) break;
        const size_t length = size_t(bytes[at + 2]) << 8 | bytes[at + 3];
        if (length < 2 || length > bytes.size() - at - 2) break;
        if (marker == huffman_tables) check_huffman_tables(bytes.subspan(at + 4, length - 2), name);
        at += 2 + length;
    }
    malformed(name, text("its JPEG data is cut at byte ", bytes.size()));
}

bool starts_with(Bytes bytes, Bytes beginning) {
    return bytes.size() >= beginning.size() && std::equal(beginning.begin(), beginning.end(), bytes.begin());
}

struct FreePixels {
    void operator()(stbi_uc* pixels) const { stbi_image_free(pixels); }
};

constexpr int weight_bits = 22; // as in Pillow: 32-bit sums of 8-bit values, with room for rounding

// For each output position along one axis: the first input it sees, and the weights from there.
struct Weights {
    size_t per_output = 0;
    std::vector<int> first;
    std::vector<int> count;
    std::vector<int> weight; // per_output for each position, scaled by 2^weight_bits
};

Weights triangle_weights(int from, int to) {
    const double scale = static_cast<double>(from) / to;
    const double support = std::max(scale, 1.0);
    Weights weights;
    weights.per_output = static_cast<size_t>(std::ceil(support)) * 2 + 1;
    weights.weight.resize(weights.per_output * static_cast<size_t>(to));
    std::vector<double> exact(weights.per_output);
    for (int out = 0; out < to; ++out) {
        const double center = (out + 0.5) * scale;
        const int first = std::max(static_cast<int>(center - support + 0.5), 0);
        const int end = std::min(static_cast<int>(center + support + 0.5), from);
        double sum = 0;
        for (int in = first; in < end; ++in) {
            const double distance = std::abs((in - center + 0.5) / support);
            sum += exact[static_cast<size_t>(in - first)] = std::max(1.0 - distance, 0.0);
        }
        int* row = weights.weight.data() + weights.per_output * static_cast<size_t>(out);
        for (int i = 0; i < end - first; ++i)
            row[i] = static_cast<int>(0.5 + exact[static_cast<size_t>(i)] / sum * (1 << weight_bits));
        weights.first.push_back(first);
        weights.count.push_back(end - first);
    }
    return weights;
}

// Scales the middle one of three axes: [outer, from, inner] to [outer, to, inner].
std::vector<uint8_t> resize_axis(const std::vector<uint8_t>& in, size_t outer, int from, int to,
                                 size_t inner) {
    const Weights weights = triangle_weights(from, to);
    std::vector<uint8_t> out(outer * static_cast<size_t>(to) * inner);
    std::vector<uint32_t> sums(inner);
    uint8_t* target = out.data();
    for (size_t block = 0; block < outer; ++block) {
        const uint8_t* source = in.data() + block * static_cast<size_t>(from) * inner;
        for (size_t position = 0; position < static_cast<size_t>(to); ++position) {
            std::fill(sums.begin(), sums.end(), uint32_t(1) << (weight_bits - 1));
            const int* weight = weights.weight.data() + position * weights.per_output;
            const uint8_t* row = source + static_cast<size_t>(weights.first[position]) * inner;
            for (int i = 0; i < weights.count[position]; ++i, row += inner)
                for (size_t j = 0; j < inner; ++j) sums[j] += row[j] * static_cast<uint32_t>(weight[i]);
            for (size_t j = 0; j < inner; ++j)
                *target++ = static_cast<uint8_t>(std::min(sums[j] >> weight_bits, uint32_t(255)));
        }
    }
    return out;
}

// Likewise for a window of `extent` from `begin` on an axis of `from` inputs. Outputs that see no input are
// left out; `covered` is the share of an output's weight that lies on inputs.
struct WindowWeights {
    WindowWeights(int from, double window_begin, double extent, int to) {
        const double scale = extent / to, support = std::max(scale, 1.0);
        per_output = static_cast<size_t>(std::ceil(support)) * 2 + 1;
        std::vector<double> exact(per_output);
        for (int out = 0; out < to; ++out) {
            const double center = window_begin + (out + 0.5) * scale;
            const double begin_tap = std::floor(center - support + 0.5),
                         end_tap = std::floor(center + support + 0.5);
            const auto weight_at = [&](double in) {
                return std::max(1.0 - std::abs((in - center + 0.5) / support), 0.0);
            };
            const double first_in = std::max(begin_tap, 0.0), end_in = std::min(end_tap, double(from));
            double sum = 0, beyond = 0;
            for (double in = first_in; in < end_in; ++in)
                sum += exact[static_cast<size_t>(in - first_in)] = weight_at(in);
            if (sum <= 0) continue;
            if (outputs() == 0) begin = static_cast<size_t>(out);
            for (double in = begin_tap; in < std::min(0.0, end_tap); ++in) beyond += weight_at(in);
            for (double in = std::max(double(from), begin_tap); in < end_tap; ++in) beyond += weight_at(in);
            first.push_back(static_cast<int>(first_in));
            count.push_back(static_cast<int>(end_in - first_in));
            covered.push_back(static_cast<float>(sum / (sum + beyond)));
            weight.resize(weight.size() + per_output);
            for (size_t i = 0; i < static_cast<size_t>(count.back()); ++i)
                weight[weight.size() - per_output + i] =
                    static_cast<uint32_t>(0.5 + exact[i] / sum * (1 << weight_bits));
        }
    }

    size_t outputs() const { return first.size(); }
    const uint32_t* weights_of(size_t output) const { return weight.data() + output * per_output; }

    template <size_t channels>
    void apply(const uint8_t* row, uint8_t* out) const {
        for (size_t i = 0; i < outputs(); ++i, out += channels) {
            const uint8_t* in = row + static_cast<size_t>(first[i]) * channels;
            const uint32_t* weights = weights_of(i);
            std::array<uint32_t, channels> sums;
            sums.fill(uint32_t(1) << (weight_bits - 1));
            for (int tap = 0; tap < count[i]; ++tap, in += channels)
                for (size_t c = 0; c < channels; ++c) sums[c] += in[c] * weights[tap];
            for (size_t c = 0; c < channels; ++c)
                out[c] = static_cast<uint8_t>(std::min(sums[c] >> weight_bits, uint32_t(255)));
        }
    }

    size_t per_output = 0;
    size_t begin = 0; // the first output
    std::vector<int> first;
    std::vector<int> count;
    std::vector<float> covered;
    std::vector<uint32_t> weight;
};

void check_size(int height, int width) {
    require(height > 0 && width > 0 && height <= largest_image_side && width <= largest_image_side,
            "The image size ", height, " x ", width, " is out of range (1 to ", largest_image_side,
            " a side).");
}

} // namespace

Image decode_image(std::span<const uint8_t> bytes, int channels, const std::string& name) {
    require(channels == 1 || channels == 3, "An image cannot be decoded to ", channels,
            " channels (1 or 3).");
    constexpr std::array<uint8_t, 3> jpeg_signature = {0xff, 0xd8, 0xff};
    const bool png = starts_with(bytes, png_signature);
    if (png)
        check_png(bytes, name);
    else if (starts_with(bytes, jpeg_signature))
        check_jpeg(bytes, name);
    else
        malformed(name, text("it has ", bytes.size(), " bytes and begins like neither a PNG nor a JPEG"));

    Image image;
    image.channels = channels;
    int stored_channels = 0;
    const auto size = static_cast<int>(bytes.size());
    if (static_cast<int64_t>(bytes.size()) > largest_image_file ||
        !stbi_info_from_memory(bytes.data(), size, &image.width, &image.height, &stored_channels))
        malformed(name, bytes.size() > largest_image_file ? "it is too big" : stbi_failure_reason());
    const int64_t pixels = int64_t(image.height) * image.width;
    if (image.height < 1 || image.width < 1 || std::max(image.height, image.width) > largest_image_side ||
        pixels > most_image_pixels)
        malformed(name, text("it says that it has ", image.height, " x ", image.width, " pixels (at most ",
                             largest_image_side, " a side and ", most_image_pixels, " in all)"));
    if (pixels > static_cast<int64_t>(bytes.size()) * (png ? png_pixels_per_byte : jpeg_pixels_per_byte))
        malformed(name, text("its ", bytes.size(), " bytes cannot hold the ", image.height, " x ",
                             image.width, " pixels that it says it has"));

    const std::unique_ptr<stbi_uc, FreePixels> decoded(
        stbi_load_from_memory(bytes.data(), size, &image.width, &image.height, &stored_channels, channels));
    if (!decoded) malformed(name, stbi_failure_reason());
    image.pixels.assign(decoded.get(), decoded.get() + pixels * channels);
    return image;
}

Image read_image(const std::string& path, int channels) {
    return decode_image(read_file(path, largest_image_file), channels, path);
}

PictureSize read_image_size(const std::string& path) {
    const FileReader file(path);
    constexpr int64_t png_head =
        24; // the signature, and of IHDR the length, the type, the width and the height
    std::array<uint8_t, png_head> head{};
    const auto read = [&](int64_t offset, int64_t bytes) {
        if (bytes > file.size() - offset) malformed(path, text("its data is cut at byte ", file.size()));
        file.read(offset, head.data(), bytes);
    };
    PictureSize size;
    file.read(0, head.data(), std::min<int64_t>(file.size(), png_head));
    if (starts_with(head, png_signature)) {
        read(0, png_head);
        size = {int(std::min(big_endian(head, 20), uint32_t(INT_MAX))),
                int(std::min(big_endian(head, 16), uint32_t(INT_MAX)))};
    } else if (head[0] == 0xff && head[1] == 0xd8 && head[2] == 0xff) {
        // The segments up to a start of frame, which is one of C0 to CF but for three other meanings.
        for (int64_t at = 2;;) {
            read(at, 4);
            if (head[0] != 0xff || head[1] == 0xff) {
                ++at; // padding
                continue;
            }
            const uint8_t marker = head[1];
            if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc) {
                read(at + 5, 4);
                size = {head[0] << 8 | head[1], head[2] << 8 | head[3]};
                break;
            }
            if (marker == 0xd9 || marker == 0xda) malformed(path, "its JPEG data has no frame");
            at += 2 + (head[2] << 8 | head[3]);
        }
    } else {
        malformed(path, text("it has ", file.size(), " bytes and begins like neither a PNG nor a JPEG"));
    }
    if (size.height < 1 || size.width < 1 || std::max(size.height, size.width) > largest_image_side)
        malformed(path, text("it says that it has ", size.height, " x ", size.width, " pixels (1 to ",
                             largest_image_side, " a side)"));
    return size;
}

Image resize_image(Image image, int height, int width) {
    check_size(height, width);
    const auto channels = static_cast<size_t>(image.channels);
    if (width != image.width) {
        image.pixels =
            resize_axis(image.pixels, static_cast<size_t>(image.height), image.width, width, channels);
        image.width = width;
    }
    if (height != image.height) {
        image.pixels =
            resize_axis(image.pixels, 1, image.height, height, static_cast<size_t>(width) * channels);
        image.height = height;
    }
    return image;
}

void resize_window(const Image& image, const PictureWindow& window, bool mirrored, const uint8_t* outside,
                   const ChangePixels& inside, int height, int width, uint8_t* to) {
    check_size(height, width);
    require(window.height > 0 && window.width > 0 && std::isfinite(window.height + window.width),
            "A window of ", window.height, " x ", window.width, " pixels shows nothing.");
    const WindowWeights rows(image.height, window.top, window.height, height);
    const WindowWeights columns(image.width, window.left, window.width, width);
    const auto channels = static_cast<size_t>(image.channels);
    const auto out_pixels = static_cast<size_t>(width) * static_cast<size_t>(height);
    require(outside || (rows.outputs() == static_cast<size_t>(height) &&
                        columns.outputs() == static_cast<size_t>(width)),
            "A window reaches beyond its picture, and nothing says what is there.");
    if (outside)
        for (size_t i = 0; i < out_pixels; ++i) std::copy_n(outside, channels, to + i * channels);
    if (rows.outputs() == 0 || columns.outputs() == 0) return;

    // Along the rows that are needed, then across them.
    const size_t line = columns.outputs() * channels;
    const auto first_row = static_cast<size_t>(rows.first.front());
    const auto end_row = static_cast<size_t>(rows.first.back() + rows.count.back());
    std::vector<uint8_t> narrow((end_row - first_row) * line), shown(rows.outputs() * line);
    for (size_t row = first_row; row < end_row; ++row) {
        const uint8_t* from = image.pixels.data() + row * static_cast<size_t>(image.width) * channels;
        uint8_t* out = narrow.data() + (row - first_row) * line;
        if (channels == 1)
            columns.apply<1>(from, out);
        else
            columns.apply<3>(from, out);
    }
    std::vector<uint32_t> sums(line);
    for (size_t i = 0; i < rows.outputs(); ++i) {
        std::fill(sums.begin(), sums.end(), uint32_t(1) << (weight_bits - 1));
        const uint8_t* row = narrow.data() + (static_cast<size_t>(rows.first[i]) - first_row) * line;
        for (int tap = 0; tap < rows.count[i]; ++tap, row += line) {
            const uint32_t weight = rows.weights_of(i)[tap];
            for (size_t j = 0; j < line; ++j) sums[j] += row[j] * weight;
        }
        for (size_t j = 0; j < line; ++j)
            shown[i * line + j] = static_cast<uint8_t>(std::min(sums[j] >> weight_bits, uint32_t(255)));
    }
    if (inside) inside(shown.data(), static_cast<int64_t>(rows.outputs() * columns.outputs()));

    const uint8_t* from = shown.data();
    for (size_t i = 0; i < rows.outputs(); ++i) {
        uint8_t* row = to + (rows.begin + i) * static_cast<size_t>(width) * channels;
        for (size_t j = 0; j < columns.outputs(); ++j, from += channels) {
            const size_t place = columns.begin + j;
            uint8_t* pixel = row + (mirrored ? static_cast<size_t>(width) - 1 - place : place) * channels;
            const float covered = outside ? rows.covered[i] * columns.covered[j] : 1.0f;
            if (covered == 1)
                for (size_t c = 0; c < channels; ++c) pixel[c] = from[c];
            else
                for (size_t c = 0; c < channels; ++c)
                    pixel[c] = static_cast<uint8_t>(0.5f + covered * float(from[c]) +
                                                    (1 - covered) * float(outside[c]));
        }
    }
}

std::vector<uint8_t> encode_png(const Image& image) {
    check_size(image.height, image.width);
    require(image.channels == 1 || image.channels == 3, "A PNG cannot be written from ", image.channels,
            " channels (1 or 3).");
    const int64_t bytes = int64_t(image.height) * image.width * image.channels;
    require(static_cast<int64_t>(image.pixels.size()) == bytes, "The image of ", image.height, " x ",
            image.width, " x ", image.channels, " has ", image.pixels.size(), " bytes of pixels (", bytes,
            " are needed).");
    std::vector<uint8_t> file;
    const auto append = [](void* to, void* data, int size) {
        const auto* from = static_cast<uint8_t*>(data);
        static_cast<std::vector<uint8_t>*>(to)->assign(from, from + size);
    };
    if (!stbi_write_png_to_func(append, &file, image.width, image.height, image.channels, image.pixels.data(),
                                0))
        fail(ErrorCode::out_of_host_memory, "There is no memory to write a PNG of ", image.height, " x ",
             image.width, ".");
    return file;
}

void write_png(const std::string& path, const Image& image) {
    const std::vector<uint8_t> file = encode_png(image);
    write_atomically(path, [&](FileWriter& out) { out.write(file.data(), file.size()); });
}

} // namespace lemnos
