// The operators of object detection before the losses: which box an anchor is to predict, how it is coded,
// what counts.
//
// Boxes lie on a grid: their overlaps are quotients of small numbers, so ties are ties in f32 and in double,
// and an overlap that equals a threshold is no matter of rounding.
#include "ops/harness.h"
#include "reference/detection.h"

#include <cmath>
#include <limits>

namespace lemnos::test {

static constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct DetectionTest : OpTest {
    // A number of 1 / cells.
    double on_grid(int64_t low, int64_t high, int64_t cells) {
        return double(random.integer(low, high)) / double(cells);
    }
    // Corners of boxes that may reach beyond the image and may be of size 0.
    std::array<double, 4> random_box(int64_t cells) {
        std::array<double, 4> box{};
        for (size_t axis = 0; axis < 2; ++axis) {
            box[axis] = on_grid(-1, cells - 1, cells);
            box[axis + 2] = box[axis] + on_grid(0, cells / 2, cells);
        }
        return box;
    }
    Tensor random_anchors(int64_t count, int64_t cells = 16) {
        Tensor anchors({count, 4});
        for (int64_t a = 0; a < count; ++a)
            for (int64_t axis = 0; axis < 2; ++axis) {
                anchors(a, axis) = on_grid(0, 2 * cells, 2 * cells);
                anchors(a, 2 + axis) = on_grid(1, cells / 2, cells);
            }
        return anchors;
    }
    // Of four rows one is padding, wherever it stands; with `absent` all are.
    Tensor random_truth(int64_t images, int64_t boxes, int64_t classes, bool absent = false,
                        int64_t cells = 16) {
        Tensor truth({images, boxes, 5});
        for (int64_t n = 0; n < images; ++n)
            for (int64_t t = 0; t < boxes; ++t) {
                truth(n, t, 0) =
                    absent || random.integer(0, 3) == 0 ? -1 : double(random.integer(0, classes - 1));
                const auto box = random_box(cells);
                for (int64_t c = 0; c < 4; ++c) truth(n, t, 1 + c) = box[size_t(c)];
            }
        return truth;
    }
    static Given integers(const Tensor& values) { return {values, DataType::i32}; }
    RunOptions small() { return {.device = device(4096)}; }
};

// ---- match_anchors ----------------------------------------------------------------------------------------

struct MatchAnchors : DetectionTest {
    void expect(const Tensor& anchors, const Tensor& truth, double threshold = 0.5,
                const RunOptions& options = {}) {
        SCOPED_TRACE(text("anchors ", to_string(anchors.shape), ", truth ", to_string(truth.shape)));
        const Tensor match = run({"match_anchors", {anchors, truth}, {{"threshold", threshold}}}, options);
        EXPECT_EQ(match.data, reference::match_anchors(anchors, truth, threshold).data);
    }
};

TEST_F(MatchAnchors, MatchesTheReference) {
    for (int64_t anchors : {1, 3, 7, 8, 9, 65, 257, 1001})
        for (int64_t boxes : {1, 2, 9, 33})
            for (int64_t images : {1, 3})
                expect(random_anchors(anchors), random_truth(images, boxes, 5), boxes == 2 ? 0.3 : 0.5);
}

TEST_F(MatchAnchors, WithoutBoxes) {
    for (int64_t boxes : {1, 7}) expect(random_anchors(37), random_truth(2, boxes, 3, true));
}

TEST_F(MatchAnchors, MoreBoxesThanAnchors) {
    for (int64_t anchors : {1, 2, 5}) expect(random_anchors(anchors), random_truth(3, 40, 3));
}

TEST_F(MatchAnchors, Ties) {
    // All boxes and all anchors alike: the boxes take the anchors in order, the other anchors take the first
    // box.
    Tensor anchors({6, 4}), truth({1, 4, 5});
    for (int64_t a = 0; a < 6; ++a)
        for (int64_t c = 0; c < 4; ++c) anchors(a, c) = 0.5;
    for (int64_t t = 0; t < 4; ++t)
        for (int64_t c = 0; c < 5; ++c) truth(0, t, c) = t == 1 ? -1 : c < 3 ? 0.25 : 0.75;
    EXPECT_EQ(run({"match_anchors", {anchors, truth}}).data, (std::vector<double>{0, 2, 3, 0, 0, 0}));
    expect(anchors, truth);
    expect(random_anchors(500, 4), random_truth(2, 30, 3, false, 4), 0.25); // many equals by chance
}

TEST_F(MatchAnchors, BoxesThatTouchNoAnchorTakeTheFirstFreeOne) {
    Tensor truth({1, 3, 5});
    for (int64_t t = 0; t < 3; ++t)
        for (int64_t c = 0; c < 5; ++c) truth(0, t, c) = c == 0 ? 0 : c < 3 ? 0.875 : t == 1 ? 0.875 : 1;
    Tensor anchors({5, 4}, 0.25);
    anchors(0, 0) = anchors(0, 1) = 0.875; // overlaps boxes 0 and 2
    EXPECT_EQ(run({"match_anchors", {anchors, truth}}).data, (std::vector<double>{0, 1, 2, -1, -1}));
    expect(anchors, truth);
}

TEST_F(MatchAnchors, AtTheThreshold) {
    const Tensor anchors({2, 4}, {0.5, 0.5, 1, 1, 0.25, 0.5, 0.5, 1});
    const Tensor truth({1, 1, 5}, {0, 0, 0, 0.5, 1}); // half of the first, all of the second
    EXPECT_EQ(run({"match_anchors", {anchors, truth}}).data, (std::vector<double>{0, 0}));
    EXPECT_EQ(run({"match_anchors", {anchors, truth}, {{"threshold", 0.51}}}).data,
              (std::vector<double>{-1, 0}));
}

TEST_F(MatchAnchors, LargerThanOneBinding) {
    expect(random_anchors(64), random_truth(37, 8, 3), 0.5, small());
    expect(random_anchors(256), random_truth(17, 16, 3), 0.5, small());
}

TEST_F(MatchAnchors, IsConstantForGradients) {
    const Tensor d =
        run_gradients({"encode_boxes", {random_anchors(3), random_truth(1, 2, 3), integers(Tensor({1, 3}))}},
                      Tensor({1, 3, 4}, 1.0), {0, 1})[0];
    EXPECT_EQ(d.data, std::vector<double>(12, 0));
}

TEST_F(MatchAnchors, RefusesWhatDoesNotFit) {
    EXPECT_EQ(refusal({"match_anchors", {Tensor({3, 5}), Tensor({2, 3, 5})}}),
              "Operator match_anchors: the anchors (3 x 5) are not [anchors, 4].");
    EXPECT_EQ(refusal({"match_anchors", {Tensor({3, 4}), Tensor({2, 3})}}),
              "Operator match_anchors: the truth (2 x 3) is not [images, boxes, 5].");
}

// ---- encode_boxes and decode_boxes ------------------------------------------------------------------------

struct EncodeBoxes : DetectionTest {
    void expect(int64_t images, int64_t anchors, int64_t boxes, bool x_first,
                const RunOptions& options = {}) {
        SCOPED_TRACE(text(images, " images, ", anchors, " anchors, ", boxes, " boxes"));
        const Tensor a = random_anchors(anchors), truth = random_truth(images, boxes, 80);
        Tensor match({images, anchors});
        for (double& value : match.data) value = double(random.integer(-2, boxes)); // some are no index
        const std::vector<double> scales{random.number(0.5, 20), 10, 5, random.number(0.5, 20)};
        const std::vector<Tensor> coded = run_all({"encode_boxes",
                                                   {a, truth, integers(match)},
                                                   {{"scales", scales}, {"x_first", int64_t(x_first)}}},
                                                  options);
        const auto expected = reference::encode_boxes(a, truth, match, scales, x_first);
        // Four roundings of the logarithm of a quotient that may be near 1.
        expect_near_elementwise(coded[0], expected.targets, 1e-6, 1e-5);
        EXPECT_EQ(coded[1].data, expected.labels.data);
    }
};

TEST_F(EncodeBoxes, MatchesTheReference) {
    for (int64_t images : {1, 3})
        for (int64_t anchors : {1, 3, 65, 1001})
            for (int64_t boxes : {1, 7}) expect(images, anchors, boxes, boxes == 7);
}

TEST_F(EncodeBoxes, LargerThanOneBinding) { expect(75, 16, 16, true, small()); }

TEST_F(EncodeBoxes, IsUndoneByDecoding) {
    const Tensor anchors = random_anchors(99);
    Tensor truth = random_truth(2, 9, 3);
    for (int64_t n = 0; n < 2; ++n)
        for (int64_t t = 0; t < 9; ++t)
            for (int64_t c = 0; c < 2; ++c) {
                truth(n, t, 0) = 0;
                truth(n, t, 3 + c) += 1.0 / 16; // none of size 0
            }
    Tensor match({2, 99});
    for (double& value : match.data) value = double(random.integer(0, 8));
    for (bool x_first : {false, true}) {
        const Attributes order{{"x_first", int64_t(x_first)}};
        const Tensor coded = run({"encode_boxes", {anchors, truth, integers(match)}, order});
        const Tensor boxes = run({"decode_boxes", {coded, anchors}, order});
        for (int64_t n = 0; n < 2; ++n)
            for (int64_t a = 0; a < 99; ++a)
                for (int64_t c = 0; c < 4; ++c)
                    EXPECT_NEAR(boxes(n, a, c), truth(n, int64_t(match(n, a)), 1 + c), 2e-6);
    }
}

TEST_F(EncodeBoxes, RefusesWhatDoesNotFit) {
    EXPECT_EQ(refusal({"encode_boxes", {Tensor({3, 4}), Tensor({2, 3, 5}), integers(Tensor({2, 4}))}}),
              "Operator encode_boxes: the input match (2 x 4) needs the shape 2 x 3.");
    EXPECT_EQ(refusal({"encode_boxes", {Tensor({3, 4}), Tensor({2, 3, 5}), Tensor({2, 3})}}),
              "Operator encode_boxes: the input match is f32 (i32 is needed).");
}

struct DecodeBoxes : DetectionTest {
    void expect(const Tensor& boxes, const Tensor& anchors, const reference::BoxCoder& coder,
                const RunOptions& options = {}) {
        SCOPED_TRACE(text(to_string(boxes.shape), coder.yolo ? ", yolo" : ", ssd"));
        const OpCase op{"decode_boxes",
                        {boxes, anchors},
                        {{"coder", coder.yolo ? "yolo" : "ssd"},
                         {"scales", coder.scales},
                         {"x_first", int64_t(coder.x_first)},
                         {"cells", std::vector<int64_t>{coder.rows, coder.columns}}}};
        // exp() of a number up to 10 that has two roundings.
        expect_near_elementwise(run(op, options), reference::decode_boxes(boxes, anchors, coder), 5e-6, 2e-6);
    }
};

TEST_F(DecodeBoxes, MatchesTheReference) {
    for (int64_t images : {1, 3})
        for (int64_t anchors : {1, 6, 65, 1001})
            for (bool yolo : {false, true})
                expect(random.uniform({images, anchors, 4}, -3, 3), random_anchors(anchors),
                       {yolo, images == 3, {10, 10, 5, 4}, 13, 7});
}

TEST_F(DecodeBoxes, LargerThanOneBinding) {
    expect(random.uniform({70, 48, 4}), random_anchors(48), {false, true}, small());
    expect(random.uniform({9, 256, 4}), random_anchors(256), {true, true, {1, 1, 1, 1}, 16, 16}, small());
}

TEST_F(DecodeBoxes, SizesStayFinite) {
    const Tensor boxes({1, 2, 4}, {0, 0, 1e30, -1e30, 0, 0, 100, 9});
    for (bool yolo : {false, true}) expect(boxes, random_anchors(2), {yolo, false, {1, 1, 1, 1}});
}

TEST_F(DecodeBoxes, RefusesWhatDoesNotFit) {
    EXPECT_EQ(refusal({"decode_boxes", {Tensor({2, 3, 4}), Tensor({4, 4})}}),
              "Operator decode_boxes: the boxes (2 x 3 x 4) are not [images, 4, 4].");
    EXPECT_NE(refusal({"decode_boxes",
                       {Tensor({2, 3, 4}), Tensor({3, 4})},
                       {{"scales", std::vector<double>{1, 1, 0, 1}}}}),
              "");
}

// ---- multibox_weights -------------------------------------------------------------------------------------

struct MultiboxWeights : DetectionTest {
    // Of the anchors one in `rarity` is matched.
    Tensor random_match(const Shape& shape, int64_t rarity) {
        Tensor match(shape);
        for (double& value : match.data)
            value = random.integer(1, rarity) == 1 ? double(random.integer(0, 9)) : -1;
        return match;
    }
    void expect(const Tensor& losses, const Tensor& match, double ratio, int64_t least,
                const RunOptions& options = {}) {
        SCOPED_TRACE(text(to_string(losses.shape), ", ratio ", ratio, ", least ", least));
        Tensor weights = random.uniform({losses.shape[0]}, 0.1, 1);
        if (losses.shape[0] > 1) weights[1] = 0;
        const std::vector<Tensor> result =
            run_all({"multibox_weights",
                     {losses, integers(match), weights},
                     {{"negatives_per_positive", ratio}, {"least_negatives", least}}},
                    options);
        const auto expected = reference::multibox_weights(losses, match, weights, ratio, least);
        expect_near_elementwise(result[0], expected.class_weights, 3e-7, 0); // a division
        expect_near_elementwise(result[1], expected.box_weights, 3e-7, 0);
    }
};

TEST_F(MultiboxWeights, MatchesTheReference) {
    for (const Shape& shape : {Shape{1, 1}, {3, 2}, {2, 7}, {1, 65}, {5, 129}, {3, 1001}, {1, 8732}})
        for (int64_t rarity : {1, 2, 9, 1000})
            for (const auto& [ratio, least] :
                 {std::pair{3.0, int64_t(3)}, {0.5, 0}, {0.0, 0}, {1000.0, 1}, {1.0, 50}})
                expect(random.uniform(shape, 0, 8), random_match(shape, rarity), ratio, least);
}

TEST_F(MultiboxWeights, Ties) {
    for (int64_t values : {1, 2, 5}) {
        Tensor losses({3, 500});
        for (double& loss : losses.data) loss = double(random.integer(0, values - 1));
        expect(losses, random_match({3, 500}, 20), 3, 3);
        expect(losses, random_match({3, 500}, 5), 2.5, 100);
    }
    const Tensor equal({1, 6}, 2.0), match({1, 6}, {-1, 4, -1, -1, -1, -1}), weights({1}, 1.0);
    EXPECT_EQ(run({"multibox_weights",
                   {equal, integers(match), weights},
                   {{"negatives_per_positive", 2.0}, {"least_negatives", 0}}})
                  .data,
              (std::vector<double>{1, 1, 1, 0, 0, 0}));
}

TEST_F(MultiboxWeights, SpecialLosses) {
    Tensor losses = random.with_edges({2, 300}, -3, 3);
    for (int64_t a : {3, 30, 299}) losses(0, a) = nan;
    losses(1, 17) = std::numeric_limits<double>::infinity();
    losses(1, 18) = -std::numeric_limits<double>::infinity();
    for (int64_t least : {1, 2, 3, 10, 150, 290}) expect(losses, random_match({2, 300}, 50), 0.1, least);
}

TEST_F(MultiboxWeights, LargerThanOneBinding) {
    expect(random.uniform({300, 16}), random_match({300, 16}, 9), 3, 3, small());
}

TEST_F(MultiboxWeights, AreConstantForGradients) {
    const Tensor losses = random.uniform({2, 7}), match = random_match({2, 7}, 2);
    EXPECT_EQ(run_gradients({"multibox_weights", {losses, integers(match), Tensor({2}, 1.0)}},
                            Tensor({2, 7}, 1.0), {0, 2})[0]
                  .data,
              std::vector<double>(14, 0));
}

TEST_F(MultiboxWeights, RefuseWhatDoesNotFit) {
    EXPECT_EQ(refusal({"multibox_weights", {Tensor({7}), integers(Tensor({7})), Tensor({1})}}),
              "Operator multibox_weights: the losses (7) are not [images, anchors].");
    EXPECT_EQ(refusal({"multibox_weights", {Tensor({2, 7}), integers(Tensor({2, 7})), Tensor({7})}}),
              "Operator multibox_weights: the input weights (7) needs the shape 2.");
}

} // namespace lemnos::test
