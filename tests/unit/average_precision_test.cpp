// Average precision: cases worked out by hand, and random ones compared with a reference that goes by the
// definitions: for every number of detections that one could look at, all is matched anew.
#include "train/average_precision.h"

#include "refusal.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace lemnos {
namespace {

using test::expect_refusal;
using Rule = PrecisionRule;
constexpr Rule rules[] = {Rule::voc2007, Rule::voc2010, Rule::coco, Rule::coco50, Rule::coco75};

// A box at a place of a row of ten, moved to the right by a share of its width.
Box place(int at, float moved = 0, float label = 0) {
    return {label, 0, 0.1f * float(at) + 0.1f * moved, 0.5f, 0.1f * float(at + 1) + 0.1f * moved};
}
TruthBox truth(int at, bool difficult = false, float label = 0) { return {place(at, 0, label), difficult}; }

double mean(const AveragePrecision& precision, Rule rule) { return precision.summary(rule).mean; }
constexpr double exact = 1e-12; // sums of at most 101 quotients of small numbers

TEST(AveragePrecision, WorkedOutByHand) {
    // Three truths; right, wrong, right, wrong: precisions 1, 1/2, 2/3, 1/2 at recalls 1/3, 1/3, 2/3, 2/3.
    AveragePrecision precision(1);
    precision.add(
        std::vector<TruthBox>{truth(0), truth(2), truth(4)},
        std::vector<FoundBox>{{0.6f, place(8)}, {0.9f, place(0)}, {0.8f, place(7)}, {0.7f, place(2)}});
    // At least 0, .1, .2, .3: 1; .4, .5, .6: 2/3; .7 to 1: 0.
    EXPECT_NEAR(mean(precision, Rule::voc2007), (4 + 3 * 2.0 / 3) / 11, exact);
    EXPECT_NEAR(mean(precision, Rule::voc2010), (1 + 2.0 / 3) / 3, exact);
    // 0 to .33: 34 times 1; .34 to .66: 33 times 2/3. The boxes are exact, so all thresholds agree.
    for (const Rule rule : {Rule::coco, Rule::coco50, Rule::coco75})
        EXPECT_NEAR(mean(precision, rule), (34 + 33 * 2.0 / 3) / 101, exact);
    const std::vector<PrecisionPoint> curve = precision.curve(0);
    ASSERT_EQ(curve.size(), 4u);
    const double recalls[] = {1 / 3.0, 1 / 3.0, 2 / 3.0, 2 / 3.0}, precisions[] = {1, 0.5, 2 / 3.0, 0.5};
    const float scores[] = {0.9f, 0.8f, 0.7f, 0.6f};
    for (size_t i = 0; i < 4; ++i) {
        EXPECT_NEAR(curve[i].recall, recalls[i], exact);
        EXPECT_NEAR(curve[i].precision, precisions[i], exact);
        EXPECT_EQ(curve[i].score, scores[i]);
    }
    EXPECT_EQ(precision.truths(0), 3);
    EXPECT_EQ(precision.images(), 1);
}

TEST(AveragePrecision, PerfectAndNothing) {
    AveragePrecision perfect(2), nothing(2), no_truth(2);
    const std::vector<TruthBox> truths = {truth(0), truth(3, false, 1)};
    perfect.add(truths, std::vector<FoundBox>{{0.2f, place(0)}, {0.1f, place(3, 0, 1)}});
    perfect.add({}, {});
    nothing.add(truths, {});
    no_truth.add({}, std::vector<FoundBox>{{0.2f, place(0)}});
    for (const Rule rule : rules) {
        EXPECT_NEAR(mean(perfect, rule), 1, exact);
        EXPECT_EQ(mean(nothing, rule), 0);
        EXPECT_EQ(mean(no_truth, rule), 0);
        EXPECT_FALSE(no_truth.summary(rule).classes[0].has_value());
    }
    EXPECT_TRUE(nothing.curve(0).empty());
    EXPECT_TRUE(no_truth.curve(0).empty());
}

TEST(AveragePrecision, ClassesWithoutTruthsAreLeftOut) {
    AveragePrecision precision(4);
    precision.add(std::vector<TruthBox>{truth(0), truth(2, false, 2), truth(4, true, 3)},
                  std::vector<FoundBox>{{0.9f, place(0)}, {0.9f, place(1, 0, 1)}});
    const PrecisionSummary summary = precision.summary(Rule::voc2010);
    EXPECT_EQ(summary.classes, (std::vector<std::optional<double>>{1.0, {}, 0.0, {}}));
    EXPECT_EQ(summary.mean, 0.5);
    EXPECT_EQ(precision.truths(3), 0); // a difficult one
}

TEST(AveragePrecision, ASecondDetectionIsWrong) {
    AveragePrecision precision(1);
    precision.add(std::vector<TruthBox>{truth(0), truth(5)},
                  std::vector<FoundBox>{{0.9f, place(0)}, {0.8f, place(0)}, {0.7f, place(5)}});
    // 1 at recall 1/2, 2/3 at recall 1.
    EXPECT_NEAR(mean(precision, Rule::voc2010), (1 + 2.0 / 3) / 2, exact);
    EXPECT_NEAR(mean(precision, Rule::voc2007), (6 + 5 * 2.0 / 3) / 11, exact);
    EXPECT_NEAR(mean(precision, Rule::coco), (51 + 50 * 2.0 / 3) / 101, exact);
}

TEST(AveragePrecision, DifficultOnesCountNeitherWay) {
    AveragePrecision precision(1);
    precision.add(std::vector<TruthBox>{truth(0), truth(5, true)},
                  std::vector<FoundBox>{{0.9f, place(5)}, {0.85f, place(5)}, {0.8f, place(0)}});
    EXPECT_EQ(precision.truths(0), 1);
    EXPECT_NEAR(mean(precision, Rule::voc2010), 1, exact); // both of the difficult one
    EXPECT_EQ(precision.curve(0).size(), 1u);
    // COCO lets a truth that is no crowd be taken once: wrong, right.
    EXPECT_NEAR(mean(precision, Rule::coco), 0.5, exact);

    AveragePrecision crowd(1);
    const TruthBox people = {{0, 0, 0.5f, 1, 1}, true, true};
    std::vector<FoundBox> inside(20, {0.9f, place(6)}); // little of the crowd, but inside
    inside.push_back({0.5f, place(0)});
    crowd.add(std::vector<TruthBox>{people, truth(0)}, inside);
    EXPECT_NEAR(mean(crowd, Rule::coco), 1, exact);
    EXPECT_NEAR(mean(crowd, Rule::voc2010), 1 / 21.0, exact);
}

TEST(AveragePrecision, ThresholdsDecide) {
    // Moved by 0.24: an overlap of 0.76 / 1.24 = 0.61. Right at 0.50, 0.55 and 0.60.
    AveragePrecision precision(1);
    precision.add(std::vector<TruthBox>{truth(0)}, std::vector<FoundBox>{{0.9f, place(0, 0.24f)}});
    EXPECT_NEAR(mean(precision, Rule::coco50), 1, exact);
    EXPECT_EQ(mean(precision, Rule::coco75), 0);
    EXPECT_NEAR(mean(precision, Rule::coco), 0.3, exact);
    EXPECT_NEAR(mean(precision, Rule::voc2010), 1, exact);
    // Exactly half: right. 1/2, 1/4 and their like are exact.
    AveragePrecision half(1);
    half.add(std::vector<TruthBox>{{{0, 0, 0, 1, 0.5f}}},
             std::vector<FoundBox>{{0.9f, {0, 0, 0, 1, 0.25f}}});
    for (const Rule rule : {Rule::coco50, Rule::voc2007, Rule::voc2010})
        EXPECT_NEAR(mean(half, rule), 1, exact);
}

TEST(AveragePrecision, VocAndCocoMatchDifferently) {
    // Two truths that overlap; both detections lie on the first, and also overlap the second by half.
    const TruthBox first = {{0, 0, 0, 0.5f, 0.5f}}, second = {{0, 0, 0, 0.5f, 0.75f}};
    const std::vector<FoundBox> detections = {{0.9f, first.box}, {0.8f, first.box}};
    AveragePrecision precision(1);
    precision.add(std::vector<TruthBox>{first, second}, detections);
    EXPECT_NEAR(mean(precision, Rule::coco50), 1, exact);    // the second takes what is left
    EXPECT_NEAR(mean(precision, Rule::voc2010), 0.5, exact); // the second belongs to the first truth
}

TEST(AveragePrecision, TiesAreInTheOrderOfImages) {
    const std::vector<TruthBox> truths = {truth(0)};
    const std::vector<FoundBox> right = {{0.5f, place(0)}}, wrong = {{0.5f, place(5)}};
    AveragePrecision right_first(1), wrong_first(1);
    right_first.add(truths, right);
    right_first.add({}, wrong);
    wrong_first.add({}, wrong);
    wrong_first.add(truths, right);
    EXPECT_NEAR(mean(right_first, Rule::voc2010), 1, exact);
    EXPECT_NEAR(mean(wrong_first, Rule::voc2010), 0.5, exact);
}

TEST(AveragePrecision, CocoCountsAHundredDetections) {
    std::vector<FoundBox> detections(100, {0.9f, place(7)});
    detections.push_back({0.8f, place(0)});
    AveragePrecision precision(1);
    precision.add(std::vector<TruthBox>{truth(0)}, detections);
    EXPECT_EQ(mean(precision, Rule::coco50), 0);
    EXPECT_NEAR(mean(precision, Rule::voc2010), 1 / 101.0, exact);
}

TEST(AveragePrecision, RefusesWhatIsNoBox) {
    AveragePrecision precision(3);
    const auto refused = [&](std::initializer_list<std::string> parts, FoundBox detection) {
        expect_refusal(ErrorCode::invalid_argument, parts,
                       [&] { precision.add({}, std::vector<FoundBox>{detection}); });
    };
    refused({"The detected box has the label 3 (0 to 2)."}, {0.5f, place(0, 0, 3)});
    refused({"The detected box has the label -1 (0 to 2)."}, {0.5f, {}});
    refused({"The detected box of the class 1 has the score nan, which is no finite number."},
            {NAN, place(0, 0, 1)});
    refused({"edge that is no finite number"}, {0.5f, {0, 0, 0, INFINITY, 1}});
    expect_refusal(ErrorCode::invalid_argument, {"The box of the data set has the label 0.5 (0 to 2)."},
                   [&] { precision.add(std::vector<TruthBox>{truth(0, false, 0.5f)}, {}); });
    expect_refusal(ErrorCode::invalid_argument, {"The class 3 does not exist; there are 3 classes"},
                   [&] { precision.curve(3); });
    expect_refusal(ErrorCode::invalid_argument, {"0 classes"}, [] { AveragePrecision none(0); });
    EXPECT_EQ(precision.images(), 0);
}

// ---- the reference
// -----------------------------------------------------------------------------------------

struct Scene {
    std::vector<TruthBox> truths;
    std::vector<FoundBox> detections;
};

struct Ranked {
    size_t image;
    FoundBox detection;
};

double covered(const Box& a, const Box& b, bool of_a) {
    const double w = std::max(0.0, std::min<double>(a.right, b.right) - std::max<double>(a.left, b.left));
    const double h = std::max(0.0, std::min<double>(a.bottom, b.bottom) - std::max<double>(a.top, b.top));
    const double sa = (double(a.right) - a.left) * (double(a.bottom) - a.top);
    const double sb = (double(b.right) - b.left) * (double(b.bottom) - b.top);
    return w * h / (of_a ? sa : sa + sb - w * h);
}

// What the last of these detections, all of one image and by falling score, is: 1 right, 0 wrong, -1 ignored.
int verdict(const std::vector<TruthBox>& truths, std::vector<FoundBox> detections, bool voc,
            double threshold) {
    const FoundBox last = detections.back();
    detections.pop_back();
    std::vector<bool> taken(truths.size(), false);
    const auto choose = [&](const Box& box) -> int {
        if (voc) {
            int best = -1;
            for (size_t j = 0; j < truths.size(); ++j)
                if (best < 0 ||
                    covered(box, truths[j].box, false) > covered(box, truths[size_t(best)].box, false))
                    best = int(j);
            return best >= 0 && covered(box, truths[size_t(best)].box, false) >= threshold ? best : -1;
        }
        for (const bool difficult : {false, true}) { // what counts goes before what does not
            int best = -1;
            double most = threshold;
            for (size_t j = 0; j < truths.size(); ++j) {
                if (truths[j].difficult != difficult || (taken[j] && !truths[j].crowd)) continue;
                const double much = covered(box, truths[j].box, truths[j].crowd);
                if (much >= most) most = much, best = int(j);
            }
            if (best >= 0) return best;
        }
        return -1;
    };
    for (const FoundBox& earlier : detections)
        if (const int chosen = choose(earlier.box); chosen >= 0) taken[size_t(chosen)] = true;
    const int chosen = choose(last.box);
    if (chosen < 0) return 0;
    if (truths[size_t(chosen)].difficult) return -1;
    return taken[size_t(chosen)] ? 0 : 1;
}

double reference(const std::vector<Scene>& scenes, float label, bool voc, double threshold, int recalls) {
    int64_t truths = 0;
    std::vector<Ranked> ranked;
    std::vector<std::vector<TruthBox>> own(scenes.size());
    for (size_t i = 0; i < scenes.size(); ++i) {
        for (const TruthBox& t : scenes[i].truths)
            if (t.box.label == label) own[i].push_back(t), truths += !t.difficult;
        for (const FoundBox& d : scenes[i].detections)
            if (d.box.label == label) ranked.push_back({i, d});
    }
    std::stable_sort(ranked.begin(), ranked.end(),
                     [](const auto& a, const auto& b) { return a.detection.score > b.detection.score; });
    std::vector<std::pair<int64_t, double>> points; // right ones, precision
    for (size_t looked = 1; looked <= ranked.size(); ++looked) {
        int64_t right = 0, wrong = 0;
        for (size_t k = 0; k < looked; ++k) {
            std::vector<FoundBox> before;
            for (size_t m = 0; m <= k; ++m)
                if (ranked[m].image == ranked[k].image) before.push_back(ranked[m].detection);
            const int is = verdict(own[ranked[k].image], before, voc, threshold);
            right += is == 1;
            wrong += is == 0;
        }
        if (right + wrong > 0) points.push_back({right, double(right) / double(right + wrong)});
    }
    const auto best_at = [&](auto&& enough) {
        double best = 0;
        for (const auto& [right, precision] : points)
            if (enough(right)) best = std::max(best, precision);
        return best;
    };
    double sum = 0;
    if (recalls == 0) { // the area: each truth adds a step of recall 1 / truths
        for (int64_t j = 1; j <= truths; ++j) sum += best_at([&](int64_t right) { return right >= j; });
        return sum / double(truths);
    }
    for (int r = 0; r <= recalls; ++r)
        sum += best_at(
            [&](int64_t right) { return double(right) / double(truths) >= double(r) / recalls - 1e-9; });
    return sum / (recalls + 1);
}

TEST(AveragePrecision, AgreesWithTheReference) {
    for (uint32_t seed = 0; seed < 30; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937 random(seed);
        const auto below = [&](uint32_t bound) { return random() % bound; };
        std::vector<Scene> scenes(1 + below(6));
        AveragePrecision precision(3);
        for (Scene& scene : scenes) {
            const auto any_box = [&] {
                const float left = float(below(8)) / 10, top = float(below(8)) / 10;
                return Box{float(below(3)), top, left, top + float(1 + below(20)) / 100,
                           left + float(1 + below(20)) / 100};
            };
            for (uint32_t i = below(5); i-- > 0;) {
                const bool crowd = below(10) == 0;
                scene.truths.push_back({any_box(), crowd || below(5) == 0, crowd});
            }
            for (uint32_t i = below(10); i-- > 0;) {
                Box box = any_box();
                if (!scene.truths.empty() && below(4) != 0) { // near a truth
                    box = scene.truths[below(uint32_t(scene.truths.size()))].box;
                    const float moved = float(below(100)) / 400 * (box.right - box.left);
                    box.left += moved;
                    box.right += moved;
                }
                scene.detections.push_back({float(below(8)) / 8, box}); // with ties
            }
            precision.add(scene.truths, scene.detections);
        }
        for (const Rule rule : rules) {
            const PrecisionSummary summary = precision.summary(rule);
            double sum = 0, counted = 0;
            for (int label = 0; label < 3; ++label) {
                const auto found = summary.classes[size_t(label)];
                ASSERT_EQ(found.has_value(), precision.truths(label) > 0);
                if (!found) continue;
                const auto at = [&](bool voc, double threshold, int recalls) {
                    return reference(scenes, float(label), voc, threshold, recalls);
                };
                double expected = 0;
                if (rule == Rule::voc2007) expected = at(true, 0.5, 10);
                if (rule == Rule::voc2010) expected = at(true, 0.5, 0);
                if (rule == Rule::coco50) expected = at(false, 0.5, 100);
                if (rule == Rule::coco75) expected = at(false, 0.75, 100);
                if (rule == Rule::coco)
                    for (int i = 0; i < 10; ++i)
                        expected += at(false, (50 + 5 * i) / 100.0 - 1e-10, 100) / 10;
                EXPECT_NEAR(*found, expected, exact) << "class " << label << ", rule " << int(rule);
                sum += *found;
                ++counted;
            }
            EXPECT_NEAR(summary.mean, counted > 0 ? sum / counted : 0, exact);
        }
    }
}

} // namespace
} // namespace lemnos
