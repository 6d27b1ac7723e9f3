#include "train/average_precision.h"

#include "data/augmentation.h"
#include "support/error.h"

#include <algorithm>
#include <array>

namespace lemnos {

static double threshold_at(size_t index) { return double(50 + 5 * index) / 100; }

// Of a crowd the part of the detection that lies in it.
static double overlap(const TruthBox& truth, const Box& found) {
    if (!truth.crowd) return intersection_over_union(truth.box, found);
    const double height = std::min(double(truth.box.bottom), double(found.bottom)) - std::max(double(truth.box.top), double(found.top));
    const double width = std::min(double(truth.box.right), double(found.right)) - std::max(double(truth.box.left), double(found.left));
    const double area = (double(found.bottom) - found.top) * (double(found.right) - found.left);
    return height > 0 && width > 0 && area > 0 ? height * width / area : 0;
}

void AveragePrecision::add_image(std::span<const TruthBox> truths, std::span<const ScoredBox> detections) {
    const auto label_of = [&](const Box& box) {
        require(box.label >= 0 && size_t(box.label) < found_.size(), "The label ", box.label, " of a box is no class (", found_.size(), " classes).");
        return size_t(box.label);
    };
    std::vector<std::vector<TruthBox>> truths_of(found_.size());
    std::vector<std::vector<ScoredBox>> found_of(found_.size());
    for (const TruthBox& truth : truths) truths_of[label_of(truth.box)].push_back(truth);
    for (const ScoredBox& found : detections) found_of[label_of(found.box)].push_back(found);
    ++images_;
    for (size_t label = 0; label < found_.size(); ++label) {
        truths_[label] += std::count_if(truths_of[label].begin(), truths_of[label].end(), [](const TruthBox& truth) { return !truth.difficult; });
        std::stable_sort(found_of[label].begin(), found_of[label].end(), [](const ScoredBox& a, const ScoredBox& b) { return a.score > b.score; });
        judge(truths_of[label], found_of[label], label);
    }
}

void AveragePrecision::judge(std::span<const TruthBox> truths, std::span<const ScoredBox> detections, size_t label) {
    std::vector<Found> judged;
    for (const ScoredBox& found : detections) judged.push_back({found.score, {}});
    for (size_t t = 0; t < thresholds; ++t) {
        std::vector<bool> taken(truths.size(), false);
        for (size_t i = 0; i < detections.size(); ++i) {
            // Truths that count come before those that do not, whatever these overlap.
            std::optional<size_t> best;
            double most = 0;
            for (const bool difficult : {false, true}) {
                if (best) break;
                for (size_t k = 0; k < truths.size(); ++k) {
                    if (truths[k].difficult != difficult || (taken[k] && !truths[k].crowd)) continue;
                    const double shared = overlap(truths[k], detections[i].box);
                    if (shared >= threshold_at(t) && (!best || shared > most)) best = k, most = shared;
                }
            }
            if (best) taken[*best] = true;
            judged[i].verdicts[t] = !best ? Verdict::wrong : truths[*best].difficult ? Verdict::ignored : Verdict::right;
        }
    }
    found_[label].insert(found_[label].end(), judged.begin(), judged.end());
}

namespace {

struct Curve {
    std::vector<double> precision, recall;     // after each detection that counts
    std::vector<double> best;                  // the largest precision from there on
    double at(double least_recall) const {     // the largest precision at a recall of at least that
        const auto from = std::lower_bound(recall.begin(), recall.end(), least_recall);
        return from == recall.end() ? 0 : best[size_t(from - recall.begin())];
    }
    double mean_of(int points) const {
        double sum = 0;
        for (int i = 0; i < points; ++i) sum += at(double(i) / (points - 1));
        return sum / points;
    }
    double area() const {
        double sum = 0, before = 0;
        for (size_t i = 0; i < recall.size(); ++i) {
            sum += (recall[i] - before) * best[i];
            before = recall[i];
        }
        return sum;
    }
};

} // namespace

ClassPrecision AveragePrecision::precision_of(size_t label) const {
    std::vector<Found> found = found_[label];
    std::stable_sort(found.begin(), found.end(), [](const Found& a, const Found& b) { return a.score > b.score; });
    ClassPrecision result;
    result.boxes = truths_[label];
    for (size_t t = 0; t < thresholds; ++t) {
        Curve curve;
        int64_t right = 0, counted = 0;
        for (const Found& each : found) {
            if (each.verdicts[t] == Verdict::ignored) continue;
            ++counted;
            right += each.verdicts[t] == Verdict::right;
            curve.precision.push_back(double(right) / double(counted));
            curve.recall.push_back(double(right) / double(truths_[label]));
        }
        curve.best = curve.precision;
        for (size_t i = curve.best.size(); i-- > 1;) curve.best[i - 1] = std::max(curve.best[i - 1], curve.best[i]);
        const double coco = curve.mean_of(101);
        result.ap_coco += coco / double(thresholds);
        if (t == 5) result.ap_coco_75 = coco;
        if (t != 0) continue;
        result.ap_50 = curve.area();
        result.ap_50_voc2007 = curve.mean_of(11);
        result.ap_coco_50 = coco;
        result.precision = std::move(curve.precision);
        result.recall = std::move(curve.recall);
    }
    return result;
}

DetectionMetrics AveragePrecision::result() const {
    DetectionMetrics metrics;
    metrics.images = images_;
    metrics.classes.resize(found_.size());
    int64_t counted = 0;
    for (size_t label = 0; label < found_.size(); ++label) {
        metrics.boxes += truths_[label];
        if (truths_[label] == 0) continue;
        const ClassPrecision& each = *(metrics.classes[label] = precision_of(label));
        ++counted;
        metrics.map_50 += each.ap_50;
        metrics.map_50_voc2007 += each.ap_50_voc2007;
        metrics.map_coco += each.ap_coco;
        metrics.map_coco_50 += each.ap_coco_50;
        metrics.map_coco_75 += each.ap_coco_75;
    }
    for (double* mean : {&metrics.map_50, &metrics.map_50_voc2007, &metrics.map_coco, &metrics.map_coco_50, &metrics.map_coco_75})
        if (counted > 0) *mean /= double(counted);
    return metrics;
}

} // namespace lemnos
