// The detection table of the survey (table 6 of MobileNetV2, arXiv 1801.04381): what was published, what our networks have, and
// the time of one image from 8-bit pixels to objects on this device; the published times are of a phone's large core (Pixel 1).
// Weights are random: boxes below a score are not looked at, as with trained ones.
#include "bench/bench.h"

namespace lemnos::bench {

namespace {

struct Detector {
    const char* label;
    const char* published; // mAP, parameters, multiply-accumulates, milliseconds
    const char* model;
    Attributes options;
};

std::vector<Detector> detectors() {
    return {
        {"SSD300", "23.2 mAP, 36.1 M parameters, 35.2 G MACs", "ssd300", {}},
        {"SSD512", "26.8 mAP, 36.1 M parameters, 99.5 G MACs", "ssd512", {}},
        {"YOLOv2, 20 classes", "21.6 mAP, 50.7 M parameters", "yolov2", {{"classes", int64_t(20)}}},
        {"YOLOv2, as of November 2016", "17.5 G MACs", "yolov2", {{"passthrough", int64_t(0)}}},
        {"YOLOv2, current", "-", "yolov2", {}},
        {"MobileNetV1 + SSDLite", "22.2 mAP, 5.1 M parameters, 1.3 G MACs, 270 ms", "ssdlite_mobilenet_v1", {}},
        {"MobileNetV2 + SSDLite", "22.1 mAP, 4.3 M parameters, 0.8 G MACs, 200 ms", "ssdlite_mobilenet_v2", {}},
    };
}

} // namespace

void suite_detection(Bench& bench) {
    const Bench::Gemm& gemm = bench.gemm();
    const std::vector<Detector> all = detectors();
    for (const Detector& detector : all) {
        if (bench.quick() && &detector != &all.back()) continue;
        const Workload workload{detector.label, detector.model, detector.options, ""};
        const Architecture network = workload.build();
        const Summary summary = summarise(network);
        const double flops = 2 * double(summary.macs);
        if (!bench.has_time(detector.label, flops * 5e-10)) continue;
        Rounds rounds;
        rounds.add(gemm.run);
        rounds.add(inference_run(bench.device, workload, 1));
        rounds.measure(bench.effort());
        Row row{.name = detector.label, .unit = "ms"};
        row.value = rounds.figure([](const Rounds::Round& s) { return s[1] * 1e3; });
        // As times, so that less is better in both columns.
        row.ratio = rounds.figure([&](const Rounds::Round& s) { return s[1] / (flops / gemm.flops * s[0]); });
        row.of = "the best GEMM's time";
        row.lower_is_better = true;
        row.note = text(summary.parameters, " parameters, ", summary.macs, " MACs, ", network.detection->anchors(),
                        " anchors; published: ", detector.published);
        bench.add(std::move(row));
    }
}

} // namespace lemnos::bench
