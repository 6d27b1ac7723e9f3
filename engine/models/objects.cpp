#include "models/objects.h"

namespace lemnos {

Objects add_objects(Network& network, const Architecture& architecture, const ObjectOptions& options) {
    const Detection& detection = *architecture.detection;
    Graph& graph = network.graph;
    Objects objects;
    objects.anchors = graph.input("anchors", {DataType::f32, {detection.anchors(), 4}});
    const Value boxes = graph.add("decode_boxes", {network.boxes, objects.anchors},
                                  {{"coder", std::string(name_of(detection.coder))},
                                   {"scales", std::vector<double>(detection.scales.begin(), detection.scales.end())},
                                   {"x_first", int64_t(detection.x_first)},
                                   {"cells", std::vector<int64_t>{detection.grids[0].rows, detection.grids[0].columns}}});
    const Value scores = graph.add("detection_scores", {network.logits}, {{"kind", std::string(name_of(detection.scores))}});
    objects.rows = graph.add("non_maximum_suppression", {boxes, scores},
                             {{"score_threshold", options.score},
                              {"iou_threshold", options.overlap < 0 ? detection.suppression : options.overlap},
                              {"per_class", options.limit},
                              {"limit", options.limit}});
    return objects;
}

} // namespace lemnos
