// The targets of YOLOv2. True boxes lie on a grid, so that no centre is near the border of a cell by rounding
// alone.
#include "ops/harness.h"
#include "reference/detection.h"

#include <cmath>

namespace lemnos::test {

using reference::YoloLoss;

struct YoloTargets : OpTest {
    static Tensor anchors_of(const YoloLoss& loss, const std::vector<std::pair<double, double>>& priors) {
        const auto count = int64_t(priors.size());
        Tensor anchors({loss.rows * loss.columns * count, 4});
        for (int64_t a = 0; a < anchors.shape[0]; ++a) {
            const int64_t cell = a / count;
            anchors(a, 0) = (double(cell / loss.columns) + 0.5) / double(loss.rows);
            anchors(a, 1) = (double(cell % loss.columns) + 0.5) / double(loss.columns);
            anchors(a, 2) = priors[size_t(a % count)].first;
            anchors(a, 3) = priors[size_t(a % count)].second;
        }
        for (double& value : anchors.data) value = double(float(value));
        return anchors;
    }
    Tensor random_truth(int64_t images, int64_t boxes) {
        Tensor truth({images, boxes, 5});
        for (int64_t n = 0; n < images; ++n)
            for (int64_t t = 0; t < boxes; ++t) {
                truth(n, t, 0) = double(random.integer(-1, 19));
                for (int64_t axis = 0; axis < 2; ++axis) {
                    truth(n, t, 1 + axis) = double(random.integer(-1, 16)) / 16;
                    truth(n, t, 3 + axis) = truth(n, t, 1 + axis) + double(random.integer(0, 12)) / 16;
                }
            }
        return truth;
    }
    std::vector<Tensor> targets(const Tensor& boxes, const Tensor& anchors, const Tensor& truth,
                                const Tensor& weights, const YoloLoss& loss, bool with_prior,
                                const RunOptions& options = {}) {
        OpCase op{"yolo_targets",
                  {boxes, anchors, truth, weights},
                  {{"cells", std::vector<int64_t>{loss.rows, loss.columns}},
                   {"threshold", loss.threshold},
                   {"object", loss.object},
                   {"no_object", loss.no_object},
                   {"coordinates", loss.coordinates},
                   {"classes", loss.classes}}};
        if (with_prior) op.inputs.push_back(Tensor({1}, loss.prior));
        return run_all(op, options);
    }
    void expect(int64_t images, int64_t boxes, YoloLoss loss,
                const std::vector<std::pair<double, double>>& priors, const RunOptions& options = {}) {
        SCOPED_TRACE(text(images, " images, ", boxes, " boxes, ", loss.rows, " x ", loss.columns, " cells, ",
                          priors.size(), " priors, prior ", loss.prior));
        const Tensor anchors = anchors_of(loss, priors), truth = random_truth(images, boxes);
        const Tensor predicted = random.uniform({images, anchors.shape[0], 4}, -1, 1);
        Tensor weights = random.uniform({images}, 0.1, 1);
        if (images > 1) weights[1] = 0;
        const auto found = targets(predicted, anchors, truth, weights, loss, loss.prior != 0, options);
        const auto expected = reference::yolo_targets(predicted, anchors, truth, weights, loss);
        // An overlap is a quotient of sums of numbers up to 1; a logarithm may be near 0.
        expect_near_elementwise(found[0], expected.targets, 1e-6, 5e-6);
        expect_near_elementwise(found[1], expected.error_weights, 1e-6, 1e-6);
        EXPECT_EQ(found[2].data, expected.labels.data);
        expect_near_elementwise(found[3], expected.class_weights, 1e-6, 0);
    }
    const std::vector<std::pair<double, double>> five{
        {0.1, 0.1}, {0.3, 0.1}, {0.2, 0.5}, {0.7, 0.3}, {0.8, 0.9}};
};

TEST_F(YoloTargets, MatchTheReference) {
    for (int64_t images : {1, 3})
        for (int64_t boxes : {1, 5, 40})
            for (double prior : {0.0, 0.01}) {
                expect(images, boxes, {.rows = 13, .columns = 13, .prior = prior}, five);
                expect(images, boxes,
                       {.rows = 3,
                        .columns = 7,
                        .object = 2,
                        .no_object = 0.5,
                        .coordinates = 3,
                        .prior = prior},
                       {{0.5, 0.25}});
                expect(images, boxes, {.threshold = 0.3, .classes = 2, .prior = prior},
                       five); // a single cell
            }
}

TEST_F(YoloTargets, ByHand) {
    // Two cells side by side of two priors each; the second box fits the second prior of the right cell.
    const YoloLoss loss{.rows = 1, .columns = 2};
    const Tensor anchors = anchors_of(loss, {{0.25, 0.25}, {0.5, 0.25}});
    const Tensor truth({1, 3, 5}, {-1, 0, 0, 1, 1, 3, 0.25, 0.625, 0.75, 0.875, 4, 0.25, 0.625, 0.75, 0.875});
    const auto found = targets(Tensor({1, 4, 4}), anchors, truth, Tensor({1}, 1.0), loss, false);
    EXPECT_EQ(found[2].data, (std::vector<double>{0, 0, 0, 4})); // of two the later
    EXPECT_EQ(found[3].data, (std::vector<double>{0, 0, 0, 1}));
    expect_near(found[0], Tensor({1, 4, 5}, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.5, 0.5, 0, 0, 1}),
                1e-6);
    expect_near(found[1], Tensor({1, 4, 5}, {0, 0, 0, 0, 1, 0,     0,     0,     0,     1,
                                             0, 0, 0, 0, 1, 1.875, 1.875, 1.875, 1.875, 5}),
                1e-6);
}

TEST_F(YoloTargets, WithoutBoxes) {
    const YoloLoss loss{.rows = 2, .columns = 2, .prior = 0.5};
    const Tensor anchors = anchors_of(loss, {{0.5, 0.5}}), none({2, 3, 5}, -1.0);
    for (bool prior : {false, true}) {
        const auto found = targets(Tensor({2, 4, 4}), anchors, none, Tensor({2}, 1.0), loss, prior);
        for (int64_t i = 0; i < 8; ++i)
            for (int64_t c = 0; c < 5; ++c) {
                EXPECT_EQ(found[0][5 * i + c], prior && c < 2 ? 0.5 : 0);
                EXPECT_EQ(found[1][5 * i + c], c == 4 ? 1 : prior ? 0.5 : 0);
            }
    }
}

TEST_F(YoloTargets, LargerThanOneBinding) {
    expect(300, 16, {.rows = 2, .columns = 4, .prior = 0.01}, {{0.5, 0.25}, {0.25, 0.5}},
           {.device = device(32768)});
}

TEST_F(YoloTargets, AreConstantForGradients) {
    const YoloLoss loss{.rows = 2, .columns = 2};
    const OpCase op{
        "yolo_targets",
        {random.uniform({1, 4, 4}), anchors_of(loss, {{0.5, 0.5}}), random_truth(1, 3), Tensor({1}, 1.0)},
        {{"cells", std::vector<int64_t>{2, 2}}}};
    EXPECT_EQ(run_gradients(op, Tensor({1, 4, 5}, 1.0), {0})[0].data, std::vector<double>(16, 0));
}

TEST_F(YoloTargets, RefuseWhatDoesNotFit) {
    const auto refused = [](const Shape& boxes, const Shape& anchors, const Tensor& prior) {
        return refusal({"yolo_targets",
                        {Tensor(boxes), Tensor(anchors), Tensor({1, 3, 5}), Tensor({1}), prior},
                        {{"cells", std::vector<int64_t>{2, 2}}}});
    };
    EXPECT_EQ(refused({1, 6, 4}, {6, 4}, {}),
              "Operator yolo_targets: the anchors (6) are no multiple of the 2 x 2 cells.");
    EXPECT_EQ(refused({1, 7, 4}, {8, 4}, {}),
              "Operator yolo_targets: the input boxes (1 x 7 x 4) needs the shape 1 x 8 x 4.");
    EXPECT_EQ(refused({1, 8, 4}, {8, 4}, Tensor({2})),
              "Operator yolo_targets: the input prior (2) needs the shape 1.");
    EXPECT_EQ(refused({1, 8, 4}, {8, 4}, Tensor({1})), "");
}

} // namespace lemnos::test
