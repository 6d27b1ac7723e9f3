// The detection table of the survey (table 6 of MobileNetV2, arXiv 1801.04381): what was published, what our networks have, and
// the time of one image from 8-bit pixels to objects on this device, beside the paper's on a phone's large core (Pixel 1).
//     lemnos_bench_detection [repetitions]
// Weights are random: boxes below a score are not looked at, as with trained ones. Medians count.
#include "models/model.h"
#include "train/predictor.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

using namespace lemnos;

namespace {

struct Row {
    const char* label;
    const char* published; // mAP, parameters, multiply-accumulates, milliseconds
    const char* model;
    Attributes options;
};

AttributeValue number(int64_t value) { return value; }

const Row rows[] = {
    {"SSD300", "23.2   36.1 M  35.2 G     -", "ssd300", {}},
    {"SSD512", "26.8   36.1 M  99.5 G     -", "ssd512", {}},
    {"YOLOv2, parameters: 20 classes", "21.6   50.7 M       -     -", "yolov2", {{"classes", number(20)}}},
    {"YOLOv2, MACs: November 2016", "21.6        -  17.5 G     -", "yolov2", {{"passthrough", number(0)}}},
    {"YOLOv2, current", "   -        -       -     -", "yolov2", {}},
    {"MobileNetV1 + SSDLite", "22.2    5.1 M   1.3 G   270", "ssdlite_mobilenet_v1", {}},
    {"MobileNetV2 + SSDLite", "22.1    4.3 M   0.8 G   200", "ssdlite_mobilenet_v2", {}},
};

double median_milliseconds(const std::shared_ptr<Device>& device, Architecture architecture, int repetitions) {
    const auto model = std::make_shared<Model>(device, std::move(architecture));
    model->initialise(1);
    Predictor predictor(model, 1);
    const Architecture& network = model->architecture();
    const std::vector<uint8_t> pixels(size_t(network.height() * network.width() * network.channels()), 128);
    std::vector<float> results(size_t(predictor.outputs()));
    std::vector<double> times;
    for (int i = -1; i < repetitions; ++i) { // the first warms up
        const auto start = std::chrono::steady_clock::now();
        predictor.run(pixels.data(), 1, results.data());
        if (i >= 0) times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    }
    std::nth_element(times.begin(), times.begin() + repetitions / 2, times.end());
    return times[size_t(repetitions) / 2];
}

} // namespace

int main(int argc, char** argv) {
    const int repetitions = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
    try {
        const auto device = Device::open({});
        std::printf("%s, %s; median of %d repetitions\n", device->info().name.c_str(), device->info().driver.c_str(), repetitions);
        std::printf("%-31s | published (Pixel 1)         | %-40s\n", "", "here");
        std::printf("%-31s | %4s  %7s  %6s  %4s | %11s  %14s  %7s  %9s\n", "", "mAP", "params", "MACs", "ms", "parameters", "MACs", "anchors",
                    "ms");
        for (const Row& row : rows) {
            const Architecture network = build_architecture(row.model, row.options);
            const Summary summary = summarise(network);
            const double time = median_milliseconds(device, network, repetitions);
            std::printf("%-31s | %s | %11lld  %14lld  %7lld  %9.1f\n", row.label, row.published, static_cast<long long>(summary.parameters),
                        static_cast<long long>(summary.macs), static_cast<long long>(network.detection->anchors()), time);
            std::fflush(stdout);
        }
    } catch (const Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
