#include "reference/detection.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lemnos::reference {
namespace {

using Box = std::array<double, 4>;

constexpr double least_size = 1e-4, largest_exponent = 10;

double single(double x) { return static_cast<double>(static_cast<float>(x)); }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

Box corners(double cy, double cx, double height, double width) {
    return {cy - height / 2, cx - width / 2, cy + height / 2, cx + width / 2};
}

Box anchor_corners(const Tensor& anchors, int64_t a) {
    return corners(anchors(a, 0), anchors(a, 1), anchors(a, 2), anchors(a, 3));
}

Box truth_box(const Tensor& truth, int64_t n, int64_t t) {
    return {truth(n, t, 1), truth(n, t, 2), truth(n, t, 3), truth(n, t, 4)};
}

bool is_box(const Tensor& truth, int64_t n, int64_t t) { return truth(n, t, 0) >= 0; }

Box decoded_in_cell(const Tensor& anchors, int64_t a, const Box& t, int64_t rows, int64_t columns) {
    return corners(anchors(a, 0) + (sigmoid(t[0]) - 0.5) / static_cast<double>(rows),
                   anchors(a, 1) + (sigmoid(t[1]) - 0.5) / static_cast<double>(columns),
                   anchors(a, 2) * std::exp(std::min(t[2], largest_exponent)),
                   anchors(a, 3) * std::exp(std::min(t[3], largest_exponent)));
}

} // namespace

double overlap(const Box& a, const Box& b) {
    const auto area = [](const Box& box) {
        return std::max(box[2] - box[0], 0.0) * std::max(box[3] - box[1], 0.0);
    };
    const double both =
        area({std::max(a[0], b[0]), std::max(a[1], b[1]), std::min(a[2], b[2]), std::min(a[3], b[3])});
    const double either = area(a) + area(b) - both;
    return both > 0 && either > 0 ? single(both / either) : 0;
}

// The pairs are looked at one and all in every round.
Tensor match_anchors(const Tensor& anchors, const Tensor& truth, double threshold) {
    const int64_t images = extent(truth, 0), truths = extent(truth, 1), count = extent(anchors, 0);
    Tensor match({images, count}, -1.0);
    for (int64_t n = 0; n < images; ++n) {
        std::vector<int64_t> boxes;
        for (int64_t t = 0; t < truths; ++t)
            if (is_box(truth, n, t)) boxes.push_back(t);
        for (int64_t a = 0; a < count; ++a) {
            double best = -1;
            int64_t of = -1;
            for (int64_t t : boxes)
                if (const double value = overlap(anchor_corners(anchors, a), truth_box(truth, n, t));
                    value > best) {
                    best = value;
                    of = t;
                }
            if (best >= single(threshold)) match(n, a) = static_cast<double>(of);
        }
        std::vector<bool> taken(static_cast<size_t>(count));
        for (int64_t left = count; left > 0 && !boxes.empty(); --left) {
            double best = -1;
            size_t box = 0;
            int64_t anchor = 0;
            for (size_t j = 0; j < boxes.size(); ++j)
                for (int64_t a = 0; a < count; ++a) {
                    if (taken[static_cast<size_t>(a)]) continue;
                    const double value = overlap(anchor_corners(anchors, a), truth_box(truth, n, boxes[j]));
                    if (value <= best) continue;
                    best = value;
                    box = j;
                    anchor = a;
                }
            taken[static_cast<size_t>(anchor)] = true;
            match(n, anchor) = static_cast<double>(boxes[box]);
            boxes.erase(boxes.begin() + static_cast<std::ptrdiff_t>(box));
        }
    }
    return match;
}

EncodedBoxes encode_boxes(const Tensor& anchors, const Tensor& truth, const Tensor& match,
                          const std::vector<double>& scales, bool x_first) {
    const int64_t images = extent(truth, 0), count = extent(anchors, 0);
    EncodedBoxes result{Tensor({images, count, 4}), Tensor({images, count})};
    for (int64_t n = 0; n < images; ++n)
        for (int64_t a = 0; a < count; ++a) {
            const auto t = static_cast<int64_t>(match(n, a));
            if (t < 0 || t >= extent(truth, 1) || !is_box(truth, n, t)) continue;
            const Box box = truth_box(truth, n, t);
            for (int64_t axis = 0; axis < 2; ++axis) {
                const auto first = static_cast<size_t>(axis);
                const double low = box[first], high = box[first + 2],
                             size = std::max(anchors(a, 2 + axis), least_size);
                const int64_t place = x_first ? 1 - axis : axis;
                result.targets(n, a, place) = ((low + high) / 2 - anchors(a, axis)) / size * scales[first];
                result.targets(n, a, 2 + place) =
                    std::log(std::max(high - low, least_size) / size) * scales[first + 2];
            }
            result.labels(n, a) = truth(n, t, 0) + 1;
        }
    return result;
}

Tensor decode_boxes(const Tensor& boxes, const Tensor& anchors, const BoxCoder& coder) {
    Tensor y(boxes.shape);
    for (int64_t n = 0; n < extent(boxes, 0); ++n)
        for (int64_t a = 0; a < extent(anchors, 0); ++a) {
            Box t{};
            for (int64_t c = 0; c < 4; ++c)
                t[static_cast<size_t>(coder.x_first ? c ^ 1 : c)] = boxes(n, a, c);
            Box box = decoded_in_cell(anchors, a, t, coder.rows, coder.columns);
            if (!coder.yolo) {
                for (size_t c = 0; c < 4; ++c) t[c] /= coder.scales[c];
                box = corners(anchors(a, 0) + t[0] * anchors(a, 2), anchors(a, 1) + t[1] * anchors(a, 3),
                              anchors(a, 2) * std::exp(std::min(t[2], largest_exponent)),
                              anchors(a, 3) * std::exp(std::min(t[3], largest_exponent)));
            }
            for (int64_t c = 0; c < 4; ++c) y(n, a, c) = box[static_cast<size_t>(c)];
        }
    return y;
}

// ---- losses -----------------------------------------------------------------------------------------------

namespace {

Labels one(const Labels& labels, int64_t row) { return {labels[static_cast<size_t>(row)]}; }

Tensor row_of(const Tensor& x, int64_t row) {
    const int64_t columns = extent(x, -1);
    Tensor result({1, columns});
    std::copy_n(x.data.begin() + static_cast<std::ptrdiff_t>(row * columns), columns, result.data.begin());
    return result;
}

Shape without_last(const Shape& shape) { return Shape(shape.begin(), shape.end() - 1); }

} // namespace

Tensor classification_losses(const Tensor& logits, const Labels& labels, ClassificationLoss kind,
                             double alpha, double gamma) {
    const int64_t columns = extent(logits, -1);
    Tensor losses(without_last(logits.shape));
    for (int64_t i = 0; i < losses.size(); ++i) {
        if (kind == ClassificationLoss::softmax) {
            losses[i] = softmax_cross_entropy(row_of(logits, i), one(labels, i), Tensor({1}, 1.0), 0)[0];
            continue;
        }
        for (int64_t c = 0; c < columns; ++c) {
            const bool hit = c == labels[static_cast<size_t>(i)];
            const double z = hit ? logits[i * columns + c] : -logits[i * columns + c];
            const double weight = kind == ClassificationLoss::sigmoid
                                      ? 1
                                      : (hit ? alpha : 1 - alpha) * std::pow(sigmoid(-z), gamma);
            losses[i] += weight * softplus(-z);
        }
    }
    return losses;
}

Tensor classification_losses_backward(const Tensor& logits, const Labels& labels, ClassificationLoss kind,
                                      double alpha, double gamma, const Tensor& dy) {
    const int64_t columns = extent(logits, -1);
    Tensor d(logits.shape);
    for (int64_t i = 0; i < dy.size(); ++i) {
        if (kind == ClassificationLoss::softmax) {
            const Tensor row = softmax_cross_entropy_backward(row_of(logits, i), one(labels, i),
                                                              Tensor({1}, 1.0), 0, Tensor(Shape{}, dy[i]));
            std::copy(row.data.begin(), row.data.end(),
                      d.data.begin() + static_cast<std::ptrdiff_t>(i * columns));
            continue;
        }
        for (int64_t c = 0; c < columns; ++c) {
            const bool hit = c == labels[static_cast<size_t>(i)];
            const double sign = hit ? 1 : -1, z = sign * logits[i * columns + c], p = sigmoid(z),
                         q = sigmoid(-z);
            const double slope =
                kind == ClassificationLoss::sigmoid
                    ? -q
                    : (hit ? alpha : 1 - alpha) * std::pow(q, gamma) * (-gamma * p * softplus(-z) - q);
            d[i * columns + c] = dy[i] * sign * slope;
        }
    }
    return d;
}

Tensor smooth_l1_losses(const Tensor& prediction, const Tensor& target, double beta) {
    require_same_shape(prediction, target);
    const int64_t columns = extent(prediction, -1);
    Tensor losses(without_last(prediction.shape));
    for (int64_t i = 0; i < prediction.size(); ++i) {
        const double d = std::abs(prediction[i] - target[i]);
        losses[i / columns] += d < beta ? 0.5 * d * d / beta : d - 0.5 * beta;
    }
    return losses;
}

Tensor smooth_l1_losses_backward(const Tensor& prediction, const Tensor& target, double beta,
                                 const Tensor& dy) {
    const int64_t columns = extent(prediction, -1);
    Tensor result(prediction.shape);
    for (int64_t i = 0; i < prediction.size(); ++i) {
        const double d = prediction[i] - target[i];
        result[i] = dy[i / columns] * (std::abs(d) < beta ? d / beta : d > 0 ? 1 : d < 0 ? -1 : 0);
    }
    return result;
}

MultiboxWeights multibox_weights(const Tensor& losses, const Tensor& match, const Tensor& weights,
                                 double negatives_per_positive, int64_t least_negatives) {
    const int64_t images = extent(losses, 0), anchors = extent(losses, 1);
    MultiboxWeights result{Tensor(losses.shape), Tensor(losses.shape)};
    for (int64_t n = 0; n < images; ++n) {
        std::vector<int64_t> negatives, counted;
        for (int64_t a = 0; a < anchors; ++a) (match(n, a) >= 0 ? counted : negatives).push_back(a);
        const auto positives = static_cast<int64_t>(counted.size());
        const double weight = weights[n] / static_cast<double>(std::max<int64_t>(1, positives));
        for (int64_t a : counted) result.box_weights(n, a) = weight;
        std::stable_sort(negatives.begin(), negatives.end(), [&](int64_t a, int64_t b) {
            const double x = losses(n, a), y = losses(n, b);
            return std::isnan(x) || std::isnan(y) ? std::isnan(x) && !std::isnan(y) : x > y;
        });
        auto wanted = static_cast<int64_t>(negatives.size());
        if (negatives_per_positive > 0)
            wanted = std::min(
                wanted, std::max(least_negatives, static_cast<int64_t>(negatives_per_positive *
                                                                       static_cast<double>(positives))));
        counted.insert(counted.end(), negatives.begin(), negatives.begin() + wanted);
        for (int64_t a : counted) result.class_weights(n, a) = weight;
    }
    return result;
}

// ---- l2 normalisation -------------------------------------------------------------------------------------

namespace {

double length_of_row(const Tensor& x, int64_t row) {
    double sum = 0;
    for (double value : row_of(x, row).data) sum += value * value;
    return std::sqrt(sum);
}

} // namespace

Tensor l2_normalisation(const Tensor& x, const Tensor& scale, double epsilon) {
    const int64_t columns = extent(x, -1);
    Tensor y(x.shape);
    for (int64_t i = 0; i < x.size(); ++i)
        y[i] = scale[i % columns] * x[i] / std::max(length_of_row(x, i / columns), epsilon);
    return y;
}

L2NormalisationGradients l2_normalisation_backward(const Tensor& x, const Tensor& scale, double epsilon,
                                                   const Tensor& dy) {
    const int64_t columns = extent(x, -1);
    L2NormalisationGradients d{Tensor(x.shape), Tensor(scale.shape)};
    for (int64_t row = 0; row < x.size() / columns; ++row) {
        const double size = length_of_row(x, row), n = std::max(size, epsilon);
        double product = 0;
        for (int64_t c = 0; c < columns; ++c)
            product += scale[c] * dy[row * columns + c] * x[row * columns + c];
        for (int64_t c = 0; c < columns; ++c) {
            const int64_t i = row * columns + c;
            d.x[i] = scale[c] * dy[i] / n - (size > epsilon ? product * x[i] / (n * n * n) : 0);
            d.scale[c] += dy[i] * x[i] / n;
        }
    }
    return d;
}

// ---- what is detected -------------------------------------------------------------------------------------

Tensor detection_scores(const Tensor& logits, ScoreKind kind) {
    const int64_t columns = extent(logits, -1);
    Shape shape = logits.shape;
    shape.back() = columns - 1;
    Tensor scores(shape);
    for (int64_t row = 0; row < logits.size() / columns; ++row) {
        const double* x = &logits.data[static_cast<size_t>(row * columns)];
        const int64_t from = kind == ScoreKind::yolo ? 1 : 0;
        const double largest = *std::max_element(x + from, x + columns);
        double sum = 0;
        for (int64_t c = from; c < columns; ++c) sum += std::exp(x[c] - largest);
        for (int64_t c = 1; c < columns; ++c) {
            const double softmax = std::exp(x[c] - largest) / sum;
            scores[row * (columns - 1) + c - 1] = kind == ScoreKind::sigmoid   ? sigmoid(x[c])
                                                  : kind == ScoreKind::softmax ? softmax
                                                                               : sigmoid(x[0]) * softmax;
        }
    }
    return scores;
}

Tensor non_maximum_suppression(const Tensor& boxes, const Tensor& scores, const Suppression& how) {
    struct Candidate {
        double score;
        int64_t category, anchor;
        Box box;
    };
    const int64_t images = extent(boxes, 0), anchors = extent(boxes, 1), classes = extent(scores, 2);
    // Sorted by score; of equals the lower class and then the lower anchor first, in which order they are
    // listed.
    const auto sort = [](std::vector<Candidate>& list) {
        std::stable_sort(list.begin(), list.end(),
                         [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
    };
    Tensor result({images, how.limit, 6});
    for (int64_t n = 0; n < images; ++n) {
        std::vector<Candidate> kept;
        std::vector<std::vector<Candidate>> groups(static_cast<size_t>(how.class_agnostic ? 1 : classes));
        for (int64_t c = 0; c < classes; ++c)
            for (int64_t a = 0; a < anchors; ++a)
                if (scores(n, a, c) > single(how.score_threshold))
                    groups[how.class_agnostic ? 0 : static_cast<size_t>(c)].push_back(
                        {scores(n, a, c),
                         c,
                         a,
                         {boxes(n, a, 0), boxes(n, a, 1), boxes(n, a, 2), boxes(n, a, 3)}});
        for (std::vector<Candidate>& group : groups) {
            sort(group);
            const size_t before = kept.size();
            const int64_t most = how.class_agnostic ? how.limit : how.per_class;
            for (const Candidate& candidate : group) {
                if (static_cast<int64_t>(kept.size() - before) == most) break;
                const bool free =
                    std::none_of(kept.begin() + static_cast<std::ptrdiff_t>(before), kept.end(),
                                 [&](const Candidate& other) {
                                     return overlap(candidate.box, other.box) > single(how.overlap_threshold);
                                 });
                if (free) kept.push_back(candidate);
            }
        }
        sort(kept);
        for (int64_t i = 0; i < how.limit; ++i) {
            result(n, i, 0) = -1;
            if (i >= static_cast<int64_t>(kept.size())) continue;
            const Candidate& one = kept[static_cast<size_t>(i)];
            result(n, i, 0) = static_cast<double>(one.category);
            result(n, i, 1) = one.score;
            for (int64_t c = 0; c < 4; ++c)
                result(n, i, 2 + c) = std::clamp(one.box[static_cast<size_t>(c)], 0.0, 1.0);
        }
    }
    return result;
}

// ---- YOLO -------------------------------------------------------------------------------------------------

YoloTargets yolo_targets(const Tensor& boxes, const Tensor& anchors, const Tensor& truth,
                         const Tensor& weights, const YoloLoss& loss) {
    const int64_t images = extent(boxes, 0), count = extent(anchors, 0), truths = extent(truth, 1);
    const int64_t priors = count / (loss.rows * loss.columns);
    YoloTargets result{Tensor({images, count, 5}), Tensor({images, count, 5}), Tensor({images, count}),
                       Tensor({images, count})};
    for (int64_t n = 0; n < images; ++n) {
        const auto predicted = [&](int64_t a) {
            return decoded_in_cell(anchors, a,
                                   {boxes(n, a, 1), boxes(n, a, 0), boxes(n, a, 3), boxes(n, a, 2)},
                                   loss.rows, loss.columns);
        };
        for (int64_t a = 0; a < count; ++a) {
            double best = 0;
            for (int64_t t = 0; t < truths; ++t)
                if (is_box(truth, n, t)) best = std::max(best, overlap(predicted(a), truth_box(truth, n, t)));
            result.error_weights(n, a, 4) = best > single(loss.threshold) ? 0 : weights[n] * loss.no_object;
            if (loss.prior <= 0) continue;
            for (int64_t c = 0; c < 4; ++c) {
                result.targets(n, a, c) = c < 2 ? 0.5 : 0;
                result.error_weights(n, a, c) = weights[n] * loss.prior;
            }
        }
        for (int64_t t = 0; t < truths; ++t) {
            if (!is_box(truth, n, t)) continue;
            const Box box = truth_box(truth, n, t);
            const double cy = (box[0] + box[2]) / 2, cx = (box[1] + box[3]) / 2;
            const double h = std::max(box[2] - box[0], least_size), w = std::max(box[3] - box[1], least_size);
            const auto cell = [](double centre, int64_t cells) {
                return std::clamp<int64_t>(
                    static_cast<int64_t>(std::floor(centre * static_cast<double>(cells))), 0, cells - 1);
            };
            const int64_t row = cell(cy, loss.rows), column = cell(cx, loss.columns);
            const int64_t first = (row * loss.columns + column) * priors;
            int64_t a = first;
            double best = -1;
            for (int64_t p = first; p < first + priors; ++p)
                if (const double value =
                        overlap(corners(0, 0, h, w), corners(0, 0, anchors(p, 2), anchors(p, 3)));
                    value > best) {
                    best = value;
                    a = p;
                }
            const double values[] = {
                std::clamp(cx * static_cast<double>(loss.columns) - static_cast<double>(column), 0.0, 1.0),
                std::clamp(cy * static_cast<double>(loss.rows) - static_cast<double>(row), 0.0, 1.0),
                std::log(w / std::max(anchors(a, 3), least_size)),
                std::log(h / std::max(anchors(a, 2), least_size)), overlap(predicted(a), box)};
            for (int64_t c = 0; c < 5; ++c) {
                result.targets(n, a, c) = values[c];
                result.error_weights(n, a, c) =
                    weights[n] * (c == 4 ? loss.object : loss.coordinates * (2 - w * h));
            }
            result.labels(n, a) = truth(n, t, 0);
            result.class_weights(n, a) = weights[n] * loss.classes;
        }
    }
    return result;
}

} // namespace lemnos::reference
