// prepare_images: normalisation, crop and flip against a plain loop with the host's generator.
#include "ops/harness.h"
#include "support/random.h"

namespace lemnos::test {

namespace {

constexpr uint64_t seed = 0x0123456789abcdef;
constexpr uint32_t epoch = 3;

struct Preparation {
    std::vector<double> mean, deviation;
    int64_t padding = 0;
    bool reflect = false, flip = false;
};

OpCase op_of(const Tensor& pixels, const std::vector<int32_t>& samples, const Preparation& p) {
    const std::vector<int32_t> step{int32_t(uint32_t(seed)), int32_t(uint32_t(seed >> 32)), int32_t(epoch),
                                    -1};
    return {"prepare_images",
            {{pixels, DataType::u8}, {tensor_of(samples), DataType::i32}, {tensor_of(step), DataType::i32}},
            {{"mean", p.mean},
             {"deviation", p.deviation},
             {"crop_padding", p.padding},
             {"pad_mode", std::string(p.reflect ? "reflect" : "zero")},
             {"flip", int64_t(p.flip)}}};
}

int64_t mirrored(int64_t at, int64_t size) {
    if (at < 0) at = -at;
    return at < size ? at : 2 * (size - 1) - at;
}

Tensor expected(const Tensor& pixels, const std::vector<int32_t>& samples, const Preparation& p) {
    Tensor y(pixels.shape);
    const int64_t height = pixels.shape[1], width = pixels.shape[2];
    for (int64_t i = 0; i < y.size(); ++i) {
        const Shape at = reference::index_of(i, y.shape);
        const auto sample = uint32_t(samples[size_t(at[0])]);
        const PhiloxCounter crop = random_bits(seed, sample, epoch, RandomPurpose::crop, 0);
        const PhiloxCounter flip = random_bits(seed, sample, epoch, RandomPurpose::flip, 0);
        const auto places = uint32_t(2 * p.padding + 1);
        int64_t sy = at[1] + random_below(crop[0], crop[1], places) - p.padding;
        int64_t sx = p.flip && flip[0] >> 31 ? width - 1 - at[2] : at[2];
        sx += random_below(crop[2], crop[3], places) - p.padding;
        if (p.reflect) {
            sy = mirrored(sy, height);
            sx = mirrored(sx, width);
        }
        if (sy < 0 || sy >= height || sx < 0 || sx >= width) continue; // 0
        const auto c = size_t(at[3]);
        const double mean = p.mean.empty() ? 0 : p.mean[c],
                     deviation = p.deviation.empty() ? 1 : p.deviation[c];
        y[i] = (pixels(at[0], sy, sx, at[3]) / 255 - mean) / deviation;
    }
    return y;
}

Tensor random_pixels(RandomCases& random, const Shape& shape) {
    Tensor pixels(shape);
    for (double& value : pixels.data) value = double(random.integer(0, 255));
    return pixels;
}

// A product and a sum: 3 roundings of numbers up to 1 / deviation.
void test_images(RandomCases& random, const Shape& shape, const Preparation& p,
                 const RunOptions& options = {}) {
    SCOPED_TRACE(text(to_string(shape), " padding ", p.padding, " reflect ", p.reflect, " flip ", p.flip));
    const Tensor pixels = random_pixels(random, shape);
    std::vector<int32_t> samples = random.labels(shape[0], 60'000);
    samples[0] = -1;
    expect_near(run(op_of(pixels, samples, p), options), expected(pixels, samples, p), 1e-6);
}

Preparation statistics(int64_t channels) {
    Preparation p;
    for (int64_t c = 0; c < channels; ++c) {
        p.mean.push_back(0.3 + 0.1 * double(c));
        p.deviation.push_back(0.2 + 0.05 * double(c));
    }
    return p;
}

} // namespace

struct PrepareImages : OpTest {};

TEST_F(PrepareImages, Normalises) {
    for (const Shape& shape :
         {Shape{1, 1, 1, 1}, Shape{3, 5, 7, 3}, Shape{2, 28, 28, 1}, Shape{2, 32, 32, 3}, Shape{65, 3, 2, 2},
          Shape{1, 129, 3, 4}, Shape{1, 2, 257, 3}, Shape{2, 3, 4, 8}}) {
        test_images(random, shape, {});
        test_images(random, shape, statistics(shape[3]));
    }
}

TEST_F(PrepareImages, CropsAndFlips) {
    for (const Shape& shape :
         {Shape{67, 5, 7, 3}, Shape{31, 28, 28, 1}, Shape{31, 32, 32, 3}, Shape{9, 8, 6, 2}})
        for (bool reflect : {false, true})
            for (bool flip : {false, true})
                for (int64_t padding : {0, 1, 4}) {
                    Preparation p = statistics(shape[3]);
                    p.padding = padding;
                    p.reflect = reflect;
                    p.flip = flip;
                    test_images(random, shape, p);
                }
    Preparation far = statistics(1); // the crop may miss the image
    far.padding = 64;
    test_images(random, {33, 3, 5, 1}, far);
}

TEST_F(PrepareImages, DoesNotDependOnThePlaceInTheBatch) {
    Tensor pixels = random_pixels(random, {1, 6, 6, 3});
    for (int i = 0; i < 2; ++i)
        pixels.data.insert(pixels.data.end(), pixels.data.begin(), pixels.data.begin() + 108);
    pixels.shape[0] = 3;
    Preparation p = statistics(3);
    p.padding = 2;
    p.flip = true;
    const Tensor y = run(op_of(pixels, {41, 7, 41}, p));
    EXPECT_TRUE(std::equal(y.data.begin(), y.data.begin() + 108, y.data.begin() + 216));
    EXPECT_FALSE(std::equal(y.data.begin(), y.data.begin() + 108, y.data.begin() + 108));
}

TEST_F(PrepareImages, IsCutToWhatABindingCovers) {
    Preparation p = statistics(3);
    p.padding = 4;
    p.flip = true;
    test_images(random, {131, 8, 8, 3}, p, {.device = device(65536)});
}

TEST_F(PrepareImages, RefusesWhatDoesNotFit) {
    const Tensor pixels({2, 4, 4, 3});
    EXPECT_NE(refusal(op_of(pixels, {1}, {})).find("sample_index"), std::string::npos);
    EXPECT_NE(refusal(op_of(pixels, {1, 2}, {.mean = {1, 2}})).find("mean"), std::string::npos);
    EXPECT_NE(refusal(op_of(pixels, {1, 2}, {.deviation = {1, 0, 1}})).find("deviation"), std::string::npos);
    EXPECT_NE(refusal(op_of(pixels, {1, 2}, {.padding = 65})).find("crop_padding"), std::string::npos);
    EXPECT_NE(refusal(op_of(pixels, {1, 2}, {.padding = 4, .reflect = true})).find("reflect"),
              std::string::npos);
    EXPECT_NE(refusal(op_of(Tensor({2, 4, 4, 9}), {1, 2}, {})).find("at most 8"), std::string::npos);
}

} // namespace lemnos::test
