#include "train/average_precision.h"

#include "support/error.h"

#include <algorithm>
#include <cmath>

namespace lemnos {
namespace {

constexpr int coco_thresholds = 10;
constexpr int voc_bit = coco_thresholds;
constexpr double voc_threshold = 0.5;
constexpr size_t most_coco_detections = 100; // of a class in an image
constexpr int coco_recalls = 100, voc_recalls = 10;

double coco_threshold(int i) { return 0.5 + 0.05 * i; }

double area(const Box& box) {
    return std::max(double(box.bottom) - box.top, 0.0) * std::max(double(box.right) - box.left, 0.0);
}

double intersection(const Box& a, const Box& b) {
    const double height = double(std::min(a.bottom, b.bottom)) - std::max(a.top, b.top);
    const double width = double(std::min(a.right, b.right)) - std::max(a.left, b.left);
    return height > 0 && width > 0 ? height * width : 0;
}

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

} // namespace

// Right and wrong detections from the best to this one.
struct AveragePrecision::Counted {
    int64_t right;
    int64_t wrong;
    float score;
    double precision() const { return double(right) / double(right + wrong); }
};

AveragePrecision::AveragePrecision(int classes) {
    require(classes > 0, "The average precision of ", classes, " classes cannot be measured (at least 1).");
    classes_.resize(static_cast<size_t>(classes));
}

void AveragePrecision::add(std::span<const TruthBox> truths, std::span<const FoundBox> detections) {
    const auto check = [&](const Box& box, const char* what) {
        const bool known =
            box.label >= 0 && box.label < float(classes_.size()) && box.label == std::floor(box.label);
        require(known, "The ", what, " has the label ", box.label, " (0 to ", classes_.size() - 1, ").");
        require(std::isfinite(box.top) && std::isfinite(box.left) && std::isfinite(box.bottom) &&
                    std::isfinite(box.right),
                "The ", what, " of the class ", box.label, " has an edge that is no finite number.");
    };
    for (const TruthBox& truth : truths) check(truth.box, "box of the data set");
    for (const FoundBox& detection : detections) {
        check(detection.box, "detected box");
        require(std::isfinite(detection.score), "The detected box of the class ", detection.box.label,
                " has the score ", detection.score, ", which is no finite number.");
    }
    ++images_;
    std::vector<TruthBox> own_truths;
    std::vector<FoundBox> own;
    for (size_t label = 0; label < classes_.size(); ++label) {
        own_truths.clear();
        own.clear();
        std::copy_if(truths.begin(), truths.end(), std::back_inserter(own_truths),
                     [&](const TruthBox& truth) { return truth.box.label == float(label); });
        std::copy_if(detections.begin(), detections.end(), std::back_inserter(own),
                     [&](const FoundBox& detection) { return detection.box.label == float(label); });
        if (!own_truths.empty() || !own.empty()) match(own_truths, own, classes_[label]);
    }
}

void AveragePrecision::match(std::span<const TruthBox> given, std::vector<FoundBox>& detections,
                             ClassRecord& record) const {
    // Difficult ones last, so that a detection turns to them only where no other truth is to be had.
    std::vector<TruthBox> truths(given.begin(), given.end());
    const auto ignored = [](const TruthBox& truth) { return truth.difficult || truth.crowd; };
    std::stable_partition(truths.begin(), truths.end(),
                          [&](const TruthBox& truth) { return !ignored(truth); });
    record.truths += std::count_if(truths.begin(), truths.end(), [&](const auto& t) { return !ignored(t); });
    std::stable_sort(detections.begin(), detections.end(),
                     [](const FoundBox& a, const FoundBox& b) { return a.score > b.score; });

    std::vector<uint16_t> taken(truths.size()); // a bit for each rule
    std::vector<double> overlaps(truths.size());
    for (size_t i = 0; i < detections.size(); ++i) {
        const Box& box = detections[i].box;
        Matched matched{detections[i].score, 0, 0};
        const auto settle = [&](size_t truth, int bit) {
            const auto mask = static_cast<uint16_t>(1u << bit);
            (ignored(truths[truth]) ? matched.ignored : matched.right) |= mask;
            taken[truth] |= mask;
        };
        for (size_t j = 0; j < truths.size(); ++j) {
            const double common = intersection(box, truths[j].box);
            overlaps[j] = share(common, area(box) + area(truths[j].box) - common);
        }
        const auto most = std::max_element(overlaps.begin(), overlaps.end());
        if (most != overlaps.end() && *most >= voc_threshold) {
            const auto truth = static_cast<size_t>(most - overlaps.begin());
            if (ignored(truths[truth]) || !(taken[truth] >> voc_bit & 1)) settle(truth, voc_bit);
        }
        for (size_t j = 0; j < truths.size(); ++j)
            if (truths[j].crowd) overlaps[j] = share(intersection(box, truths[j].box), area(box));
        for (int threshold = 0; threshold < coco_thresholds; ++threshold) {
            if (i >= most_coco_detections) {
                matched.ignored |= static_cast<uint16_t>(1u << threshold);
                continue;
            }
            double least = coco_threshold(threshold) - 1e-10;
            std::optional<size_t> best;
            for (size_t j = 0; j < truths.size(); ++j) {
                if ((taken[j] >> threshold & 1) && !truths[j].crowd) continue;
                if (best && !ignored(truths[*best]) && ignored(truths[j])) break;
                if (overlaps[j] < least) continue;
                least = overlaps[j];
                best = j;
            }
            if (best) settle(*best, threshold);
        }
        record.detections.push_back(matched);
    }
}

std::vector<AveragePrecision::Counted> AveragePrecision::ranking(const ClassRecord& record, int bit) const {
    std::vector<Matched> sorted;
    std::copy_if(record.detections.begin(), record.detections.end(), std::back_inserter(sorted),
                 [&](const Matched& matched) { return !(matched.ignored >> bit & 1); });
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const Matched& a, const Matched& b) { return a.score > b.score; });
    std::vector<Counted> ranking;
    Counted counted{};
    for (const Matched& matched : sorted) {
        ++(matched.right >> bit & 1 ? counted.right : counted.wrong);
        counted.score = matched.score;
        ranking.push_back(counted);
    }
    return ranking;
}

PrecisionSummary AveragePrecision::summary(PrecisionRule rule) const {
    // The best precision at a recall of at least i / parts, averaged over i = 0 … parts; whole numbers are
    // compared, because 0.3 * 10 is not 3.
    const auto at_recalls = [](const std::vector<Counted>& ranking, int64_t truths, int64_t parts) {
        double sum = 0, best = 0;
        auto point = ranking.rbegin();
        for (int64_t i = parts; i >= 0; --i) {
            for (; point != ranking.rend() && point->right * parts >= i * truths; ++point)
                best = std::max(best, point->precision());
            sum += best;
        }
        return sum / double(parts + 1);
    };
    const auto area_under = [](const std::vector<Counted>& ranking, int64_t truths) {
        double sum = 0, best = 0;
        for (size_t i = ranking.size(); i-- > 0;) {
            best = std::max(best, ranking[i].precision());
            const int64_t before = i ? ranking[i - 1].right : 0;
            sum += double(ranking[i].right - before) * best;
        }
        return sum / double(truths);
    };
    const auto of_class = [&](const ClassRecord& record) {
        switch (rule) {
        case PrecisionRule::voc2007:
            return at_recalls(ranking(record, voc_bit), record.truths, voc_recalls);
        case PrecisionRule::voc2010:
            return area_under(ranking(record, voc_bit), record.truths);
        case PrecisionRule::coco50:
            return at_recalls(ranking(record, 0), record.truths, coco_recalls);
        case PrecisionRule::coco75:
            return at_recalls(ranking(record, 5), record.truths, coco_recalls);
        case PrecisionRule::coco:
            break;
        }
        double sum = 0;
        for (int i = 0; i < coco_thresholds; ++i)
            sum += at_recalls(ranking(record, i), record.truths, coco_recalls);
        return sum / coco_thresholds;
    };
    PrecisionSummary summary;
    int64_t counted = 0;
    for (const ClassRecord& record : classes_) {
        summary.classes.emplace_back();
        if (record.truths == 0) continue;
        summary.classes.back() = of_class(record);
        summary.mean += *summary.classes.back();
        ++counted;
    }
    if (counted > 0) summary.mean /= double(counted);
    return summary;
}

std::vector<PrecisionPoint> AveragePrecision::curve(int label) const {
    const ClassRecord& of_class = record(label);
    std::vector<PrecisionPoint> points;
    if (of_class.truths == 0) return points;
    for (const Counted& counted : ranking(of_class, voc_bit))
        points.push_back(
            {double(counted.right) / double(of_class.truths), counted.precision(), counted.score});
    return points;
}

int64_t AveragePrecision::truths(int label) const { return record(label).truths; }

const AveragePrecision::ClassRecord& AveragePrecision::record(int label) const {
    require(label >= 0 && label < static_cast<int>(classes_.size()), "The class ", label,
            " does not exist; there are ", classes_.size(), " classes, counted from 0.");
    return classes_[static_cast<size_t>(label)];
}

} // namespace lemnos
