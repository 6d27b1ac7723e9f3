// Pictures: what is encoded is decoded, cut and damaged files are noticed, and scaling agrees with Pillow.
#include "data/image.h"

#include "scratch.h"

#include <zlib.h>

namespace lemnos {
namespace {

using namespace test;

Image pattern(int height, int width, int channels) {
    Image image = {height, width, channels, {}};
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            for (int c = 0; c < channels; ++c)
                image.pixels.push_back(uint8_t(x * 37 + y * 91 + c * 53 + x * y * 7));
    return image;
}

Bytes from_hex(const std::string& digits) {
    Bytes bytes;
    for (size_t i = 0; i < digits.size(); i += 2)
        bytes.push_back(uint8_t(std::stoi(digits.substr(i, 2), nullptr, 16)));
    return bytes;
}

// pattern(8, 8, 1), saved by Pillow 9.4 with quality 50, and what Pillow decodes in its first row.
const Bytes small_jpeg = from_hex("ffd8ffe000104a46494600010100000100010000ffdb004300100b0c0e0c0a100e0d0e1211"
                                  "101318281a181616183123251d283a333d3c393338"
                                  "3740485c4e404457453738506d51575f626768673e4d71797064785c656763ffc0000b0800"
                                  "08000801011100ffc4001400010000000000000000"
                                  "0000000000000001ffc4001e10000201030500000000000000000000000102031112210004"
                                  "133241ffda0008010100003f0036f1466230a27192"
                                  "856c5528a6aa716fb5b41018b1cf4a1d7fffd9");
const Bytes small_jpeg_row = {0, 49, 70, 106, 142, 228, 200, 4};

// 13 x 17 in four colours, saved by Pillow with a palette of 2 bits a pixel.
const Bytes palette_png = from_hex("89504e470d0a1a0a0000000d49484452000000110000000d020300000032176d890000000"
                                   "c504c5445a9de4f699ed3cc2a5f20558a3e16dd3a00"
                                   "00005949444154789c014e00b1ff00f54bd42f400052f52f42c0002d4b52d48000d4b4b53"
                                   "d00004b4b4b4b400034b4d2d24000d3492db4c0006d"
                                   "b6db6d8000b64d36d90000c9364d93400066cd9366c0009b3766ccc000cccdd99980c24f2"
                                   "0e0603130e30000000049454e44ae426082");

Bytes chunk(const std::string& type, const Bytes& data) {
    const Bytes body = joined({Bytes(type.begin(), type.end()), data});
    const auto sum = uint32_t(crc32(0, body.data(), uInt(body.size())));
    return joined({big_endian({uint32_t(data.size())}), body, big_endian({sum})});
}

// A PNG of 8-bit grey with this size in its header and hardly any data.
Bytes claiming_png(uint32_t width, uint32_t height) {
    return joined({{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'},
                   chunk("IHDR", joined({big_endian({width, height}), {8, 0, 0, 0, 0}})),
                   chunk("IDAT", {0x78, 0x9c, 3, 0, 0, 0, 0, 1}),
                   chunk("IEND", {})});
}

uint32_t checksum(const Image& image) {
    return uint32_t(crc32(0, image.pixels.data(), uInt(image.pixels.size())));
}

TEST(Image, ReadsBackThePngThatItWrote) {
    const ScratchFolder scratch;
    const std::string path = scratch.file("a.png");
    for (const int channels : {1, 3})
        for (const auto& [height, width] : {std::pair(1, 1), {13, 17}, {64, 1}, {1, 300}}) {
            const Image image = pattern(height, width, channels);
            write_png(path, image);
            const Image read = read_image(path, channels);
            EXPECT_EQ(read.height, height);
            EXPECT_EQ(read.width, width);
            EXPECT_EQ(read.channels, channels);
            EXPECT_EQ(read.pixels, image.pixels);
        }
}

TEST(Image, ConvertsGreyAndColour) {
    const Image grey = pattern(5, 4, 1);
    const Image colour = decode_image(encode_png(grey), 3, "grey");
    for (size_t i = 0; i < colour.pixels.size(); ++i) EXPECT_EQ(colour.pixels[i], grey.pixels[i / 3]);
    const Image back = decode_image(encode_png(colour), 1, "colour");
    EXPECT_EQ(back.pixels, grey.pixels);
    const Image red = {1, 1, 3, {255, 0, 0}};
    EXPECT_NEAR(decode_image(encode_png(red), 1, "red").pixels[0], 0.299 * 255, 1);
}

TEST(Image, DecodesWhatOthersWrote) {
    EXPECT_EQ(checksum(decode_image(palette_png, 3, "palette")), 0x47559b76u);
    const Image jpeg = decode_image(small_jpeg, 1, "jpeg");
    ASSERT_EQ(jpeg.height * jpeg.width, 64);
    // Decoders may round the inverse transform differently.
    for (size_t i = 0; i < small_jpeg_row.size(); ++i) EXPECT_NEAR(jpeg.pixels[i], small_jpeg_row[i], 2);
}

TEST(Image, AFileCutAtAnyByteIsMalformed) {
    for (const Bytes& whole : {encode_png(pattern(6, 5, 3)), palette_png, small_jpeg})
        for (size_t size = 0; size < whole.size(); ++size)
            expect_refusal(ErrorCode::file_malformed, {"\"cut\""},
                         [&] { decode_image(std::span(whole).first(size), 3, "cut"); });
}

TEST(Image, AnyChangedByteOfAPngIsMalformed) {
    const Bytes whole = encode_png(pattern(6, 5, 3));
    for (size_t at = 0; at < whole.size(); ++at)
        for (int change = 1; change < 256; ++change) {
            Bytes file = whole;
            file[at] = uint8_t(file[at] ^ change);
            expect_refusal(ErrorCode::file_malformed, {"\"changed\""},
                         [&] { decode_image(file, 3, "changed"); });
        }
}

// A JPEG has no checksums: a changed byte gives an error or a picture, and never more than that.
TEST(Image, AChangedByteOfAJpegIsAnErrorOrAPicture) {
    for (size_t at = 0; at < small_jpeg.size(); ++at)
        for (int change = 1; change < 256; ++change) {
            Bytes file = small_jpeg;
            file[at] = uint8_t(file[at] ^ change);
            try {
                const Image image = decode_image(file, 3, "changed");
                EXPECT_EQ(int64_t(image.pixels.size()), int64_t(3) * image.height * image.width);
            } catch (const Error& error) {
                EXPECT_EQ(int(error.code()), int(ErrorCode::file_malformed)) << error.what();
            }
        }
}

TEST(Image, SaysWhyAFileIsNoImage) {
    const ScratchFolder scratch;
    const auto malformed = [&](const Bytes& bytes, std::initializer_list<std::string> parts) {
        const std::string path = scratch.write("a.png", bytes);
        expect_refusal(ErrorCode::file_malformed, {path}, [&] { read_image(path, 3); });
        expect_refusal(ErrorCode::file_malformed, parts, [&] { read_image(path, 3); });
    };
    malformed({}, {"0 bytes", "neither a PNG nor a JPEG"});
    malformed({'G', 'I', 'F', '8', '9', 'a'}, {"6 bytes", "neither a PNG nor a JPEG"});
    malformed(claiming_png(4, 0), {"cannot be decoded"});
    malformed(claiming_png(20'000, 4), {"cannot be decoded"});
    malformed(claiming_png(16384, 16384), {"16384 x 16384", "at most"});
    malformed(claiming_png(8192, 8192), {"8192 x 8192", "cannot hold"});
    malformed(claiming_png(4, 4), {"cannot be decoded"});
    Bytes jpeg = small_jpeg;
    for (size_t i = 0; i + 8 < jpeg.size(); ++i)
        if (jpeg[i] == 0xff && jpeg[i + 1] == 0xc0) jpeg[i + 5] = jpeg[i + 7] = 0x20; // 8200 x 8200
    malformed(jpeg, {"8200 x 8200", "193 bytes cannot hold"});
    const std::string missing = scratch.file("missing.png");
    expect_refusal(ErrorCode::not_found, {missing}, [&] { read_image(missing, 3); });
    expect_refusal(ErrorCode::invalid_argument, {"2 channels"}, [&] { decode_image(palette_png, 2, "a"); });
}

// Reference: Pillow 9.4, Image.resize(…, BILINEAR) of pattern(13, 17, 3); CRC-32 of the pixels.
TEST(Image, ScalesAsPillowDoes) {
    const Image image = pattern(13, 17, 3);
    EXPECT_EQ(checksum(resize_image(image, 5, 7)), 0x053e8dacu);
    EXPECT_EQ(checksum(resize_image(image, 20, 30)), 0x68e40f59u);
    EXPECT_EQ(checksum(resize_image(image, 13, 4)), 0x4f2812ecu);
    EXPECT_EQ(checksum(resize_image(image, 6, 17)), 0xed303467u);
    EXPECT_EQ(checksum(resize_image(image, 40, 3)), 0x151e5813u);
    EXPECT_EQ(resize_image(image, 1, 1).pixels, Bytes({129, 127, 131}));
    EXPECT_EQ(resize_image(image, 13, 17).pixels, image.pixels);
}

TEST(Image, ScalingKeepsAFlatPictureFlat) {
    for (const uint8_t value : {0, 1, 127, 254, 255})
        for (const int size : {1, 2, 7, 31, 100}) {
            const Image flat = {31, 31, 1, Bytes(31 * 31, value)};
            const Image scaled = resize_image(flat, size, size + 1);
            EXPECT_EQ(scaled.pixels, Bytes(size_t(size * (size + 1)), value));
        }
    const Image image = pattern(2, 2, 1);
    for (const auto& [height, width] : {std::pair(0, 1), {1, -1}, {16385, 1}})
        expect_refusal(ErrorCode::invalid_argument, {"1 to 16384"},
                     [&] { resize_image(image, height, width); });
}

TEST(Image, RefusesToEncodeWhatIsNoPicture) {
    expect_refusal(ErrorCode::invalid_argument, {"2 channels"}, [] { encode_png({1, 1, 2, {1, 2}}); });
    expect_refusal(ErrorCode::invalid_argument, {"3 bytes", "4 are needed"}, [] {
        encode_png({2, 2, 1, {1, 2, 3}});
    });
    expect_refusal(ErrorCode::invalid_argument, {"0 x 1"}, [] { encode_png({0, 1, 1, {}}); });
}

TEST(Image, ReadsPhotographs) {
    LEMNOS_SKIP_WITHOUT(test_data() + "/photos/coral");
    int read = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(test_data())) {
        const std::string ending = entry.path().extension().string();
        if (ending != ".jpg" && ending != ".png") continue;
        const Image image = resize_image(read_image(entry.path().string(), 3), 32, 32);
        EXPECT_EQ(image.pixels.size(), 32u * 32 * 3);
        if (++read == 60) break; // of many hundreds
    }
    EXPECT_GT(read, 13);
    const Image cat = read_image(test_data() + "/models/golden_cat224.png", 3);
    EXPECT_EQ(cat.height, 224);
    EXPECT_EQ(cat.width, 224);
}

} // namespace
} // namespace lemnos
