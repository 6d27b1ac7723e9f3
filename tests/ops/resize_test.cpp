// Nearest and bilinear resize and their gradients against the references.
#include "ops/harness.h"
#include "reference/resize.h"

namespace lemnos::test {

namespace {

using reference::Coordinates;

struct Method {
    const char* name;
    bool align_corners;
    Coordinates coordinates() const {
        return align_corners ? Coordinates::align_corners : Coordinates::half_pixel;
    }
    bool nearest() const { return std::string(name) == "nearest"; }
};

constexpr Method methods[] = {{"nearest", false}, {"bilinear", false}, {"bilinear", true}};

OpCase resize(const Tensor& x, const Method& method, int64_t height, int64_t width) {
    return {"resize",
            {x},
            {{"method", std::string(method.name)},
             {"height", height},
             {"width", width},
             {"align_corners", int64_t(method.align_corners)}}};
}

// Forward: two products and a sum on each axis, weights rounded once. Gradient: sums of up to 257 such
// products.
void test_resize(RandomCases& random, const Shape& shape, int64_t height, int64_t width,
                 const RunOptions& options = {}) {
    const Tensor x = random.uniform(shape), dy = random.uniform({shape[0], height, width, shape[3]});
    for (const Method& method : methods) {
        SCOPED_TRACE(text(to_string(shape), " to ", height, " x ", width, " ", method.name, " ",
                          method.align_corners));
        const OpCase op = resize(x, method, height, width);
        const reference::Resize r{height, width, method.coordinates()};
        expect_near(run(op, options),
                    method.nearest() ? reference::resize_nearest(x, r) : reference::resize_bilinear(x, r),
                    method.nearest() ? 1e-12 : 1e-6);
        expect_near(run_gradients(op, dy, {0}, options)[0],
                    method.nearest() ? reference::resize_nearest_backward(x, dy, r)
                                     : reference::resize_bilinear_backward(x, dy, r),
                    1e-5);
    }
}

} // namespace

struct Resize : OpTest {};

TEST_F(Resize, MatchesTheReferences) {
    test_resize(random, {1, 1, 1, 1}, 1, 1);
    test_resize(random, {2, 1, 1, 5}, 7, 3);
    test_resize(random, {2, 9, 5, 3}, 1, 1);
    test_resize(random, {2, 5, 7, 4}, 5, 7);
    test_resize(random, {3, 5, 7, 4}, 10, 14);
    test_resize(random, {3, 10, 14, 6}, 5, 7);
    test_resize(random, {1, 7, 5, 65}, 11, 3);
    test_resize(random, {1, 65, 3, 8}, 129, 2);
    test_resize(random, {1, 129, 257, 1}, 64, 65);
    test_resize(random, {1, 3, 2, 129}, 257, 5);
    for (int i = 0; i < 20; ++i)
        test_resize(random, {2, random.integer(1, 40), random.integer(1, 40), random.integer(1, 9)},
                    random.integer(1, 40), random.integer(1, 40));
}

TEST_F(Resize, IsCutToWhatABindingCovers) {
    test_resize(random, {19, 4, 4, 16}, 7, 8, {.device = device(16384)});
}

TEST_F(Resize, RefusesWhatDoesNotFit) {
    const Tensor x({1, 2, 2, 1});
    EXPECT_NE(refusal(resize(x, {"nearest", true}, 2, 2)).find("align_corners"), std::string::npos);
    EXPECT_NE(refusal(resize(x, {"nearest", false}, 0, 2)).find("height"), std::string::npos);
    EXPECT_NE(refusal(resize(x, {"bilinear", false}, 2, 16385)).find("width"), std::string::npos);
    EXPECT_NE(refusal(resize(Tensor({2, 2, 1}), {"nearest", false}, 2, 2)).find("rank"), std::string::npos);
    EXPECT_NE(refusal(resize(x, {"bicubic", false}, 2, 2)).find("bilinear"), std::string::npos);
}

} // namespace lemnos::test
