#include "train/detection_loss.h"

namespace lemnos {

std::vector<AttributeSpec> detection_loss_options() {
    return {
        real_attribute("match_overlap", 0.5, 0, 1, "Of detectors: the overlap with a box from which on an anchor stands for it."),
        real_attribute("negatives", 3, 0, 1000, "Of SSD: anchors without a box that count for each that has one, the hardest; 0: all count."),
        real_attribute("box_weight", 1, 0, 1000, "Of detectors: how much offsets count beside classes."),
        real_attribute("focal_gamma", 0, 0, 10,
                       "Of SSD with sigmoid scores: the focal loss with this exponent (arXiv 1708.02002) on all anchors; 0: cross-entropy."),
        real_attribute("focal_alpha", 0.25, 0, 1, "Of the focal loss: the weight of an anchor's own class; others weigh 1 minus it."),
        integer_attribute("prior_images", 12800, 0, INT64_MAX,
                          "Of YOLO: the first images, in which all boxes are pulled towards their anchors."),
    };
}

namespace {

class Builder {
  public:
    Builder(Network& network, const Detection& detection, Value weights, int64_t boxes, const Attributes& options)
        : network_(network), graph_(network.graph), detection_(detection), weights_(weights), options_(options) {
        const int64_t batch = graph_.shape(network.logits)[0];
        result_.anchors = graph_.input("anchors", {DataType::f32, {detection.anchors(), 4}});
        result_.truth = graph_.input("truth", {DataType::f32, {batch, boxes, 5}});
    }

    DetectionLoss build() {
        result_.loss = detection_.scores == ScoreKind::yolo ? yolo() : multibox();
        return result_;
    }

  private:
    static Value output(Value value, int32_t index) { return {value.node, index}; }
    Value weighted_sum(Value losses, Value weights) { return graph_.add("sum", {graph_.add("mul", {losses, weights})}); }
    Value scaled(Value value, double factor) { return graph_.add("scale", {value}, {{"factor", factor}}); }
    Value columns(Value value, int64_t begin, int64_t end) {
        return graph_.add("slice", {value}, {{"axis", int64_t(-1)}, {"begin", begin}, {"end", end}});
    }

    Value multibox() {
        const double gamma = options_.real("focal_gamma");
        const bool focal = gamma > 0;
        require(!focal || detection_.scores == ScoreKind::sigmoid, "The focal loss (focal_gamma ", gamma,
                ") needs a model with sigmoid scores (this one has ", name_of(detection_.scores), ").");
        const Value match = graph_.add("match_anchors", {result_.anchors, result_.truth}, {{"threshold", options_.real("match_overlap")}});
        const Value targets = graph_.add("encode_boxes", {result_.anchors, result_.truth, match},
                                         {{"scales", std::vector<double>(detection_.scales.begin(), detection_.scales.end())},
                                          {"x_first", int64_t(detection_.x_first)}});
        const Value losses = graph_.add("classification_losses", {network_.logits, output(targets, 1)},
                                        {{"kind", std::string(focal ? "focal" : name_of(detection_.scores))},
                                         {"gamma", focal ? gamma : 2.0},
                                         {"alpha", options_.real("focal_alpha")}});
        const Value weights = graph_.add("multibox_weights", {losses, match, weights_},
                                         {{"negatives_per_positive", focal ? 0.0 : options_.real("negatives")}});
        const Value distances = graph_.add("smooth_l1_losses", {network_.boxes, targets});
        return graph_.add("add", {weighted_sum(losses, weights),
                                  scaled(weighted_sum(distances, output(weights, 1)), options_.real("box_weight"))});
    }

    Value yolo() {
        const AnchorGrid& grid = detection_.grids[0];
        result_.prior = graph_.input("prior", {DataType::f32, {1}});
        const Value targets = graph_.add("yolo_targets", {network_.boxes, result_.anchors, result_.truth, weights_, result_.prior},
                                         {{"cells", std::vector<int64_t>{grid.rows, grid.columns}},
                                          {"coordinates", options_.real("box_weight")}});
        const Value found = graph_.add("concat", {graph_.add("sigmoid", {columns(network_.boxes, 0, 2)}), columns(network_.boxes, 2, 4),
                                                  graph_.add("sigmoid", {columns(network_.logits, 0, 1)})},
                                       {{"axis", int64_t(-1)}});
        const Value error = graph_.add("sub", {targets, found});
        const Value errors = scaled(weighted_sum(graph_.add("mul", {error, error}), output(targets, 1)), 0.5);
        const Value classes = graph_.add("classification_losses", {columns(network_.logits, 1, 0), output(targets, 2)});
        return graph_.add("add", {errors, weighted_sum(classes, output(targets, 3))});
    }

    Network& network_;
    Graph& graph_;
    const Detection& detection_;
    Value weights_;
    const Attributes& options_;
    DetectionLoss result_;
};

} // namespace

DetectionLoss add_detection_loss(Network& network, const Architecture& architecture, Value weights, int64_t boxes,
                                 const Attributes& options) {
    return Builder(network, *architecture.detection, weights, boxes, options).build();
}

} // namespace lemnos
