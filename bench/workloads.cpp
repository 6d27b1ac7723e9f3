#include "bench/workloads.h"

#include "plan/ceilings.h"
#include "vulkan/device.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace lemnos::bench {

static uint32_t next_random(uint32_t& state) { return state = state * 1664525u + 1013904223u; }

// A finite f16 of either sign whose size is 1/4 to 1/2.
static uint16_t random_half(uint32_t bits) { return uint16_t((bits >> 16 & 0x8000u) | 0x3400u | (bits >> 8 & 0x03ffu)); }

void fill_random(Device& device, const BufferView& view, DataType type) {
    std::vector<uint32_t> words(size_t((view.bytes + 3) / 4));
    uint32_t state = 1;
    for (uint32_t& word : words) {
        const uint32_t bits = next_random(state);
        if (type == DataType::f32) {
            const float value = float(bits >> 8) * 0x1p-24f - 0.5f;
            std::memcpy(&word, &value, 4);
        } else if (type == DataType::f16) {
            word = random_half(bits) | uint32_t(random_half(next_random(state))) << 16;
        } else if (type == DataType::u8) {
            word = bits;
        } else {
            word = 0; // indices, which any tensor has
        }
    }
    device.write(*view.buffer, view.offset, words.data(), view.bytes);
}

BufferView random_tensor(const std::shared_ptr<Device>& device, const TensorType& type) {
    const BufferView view{Buffer::create(device, BufferKind::device, type.bytes(), "bench"), 0, type.bytes()};
    fill_random(*device, view, type.dtype);
    return view;
}

std::shared_ptr<Plan> plan_of(const std::shared_ptr<Device>& device, const std::string& op, const std::vector<TensorType>& inputs,
                              const Attributes& attributes, int outputs) {
    Graph graph;
    std::vector<Value> values;
    for (const TensorType& type : inputs) values.push_back(graph.input(text("input ", values.size()), type));
    const Value result = graph.add(op, values, attributes); // before any memory: it may be refused
    Bindings bindings;
    for (Value value : values) bindings[value] = random_tensor(device, graph.type(value));
    for (int i = 0; i < outputs; ++i) bindings[{result.node, i}] = random_tensor(device, graph.type({result.node, i}));
    return Plan::compile(device, graph, bindings, {.name = op, .timestamps = true});
}

double device_seconds(Plan& plan) {
    plan.device()->wait(plan.run());
    double seconds = 0;
    for (const DispatchTime& time : plan.times()) seconds += time.seconds;
    return seconds;
}

Rounds::Run run_of(std::shared_ptr<Plan> plan) {
    return [plan = std::move(plan)] { return device_seconds(*plan); };
}

std::vector<std::shared_ptr<Plan>> stream_plans(const std::shared_ptr<Device>& device, const Streams& streams) {
    constexpr int64_t row = 64; // floats
    const TensorType type{DataType::f32, {streams.bytes / (row * 4), row}};
    Graph graph;
    std::vector<Value> inputs;
    Bindings bindings;
    for (int i = 0; i < streams.reads; ++i) {
        inputs.push_back(graph.input(text("stream ", i), type));
        bindings[inputs.back()] = random_tensor(device, type);
    }
    std::vector<std::shared_ptr<Plan>> plans;
    for (const StreamForm& form : stream_forms) {
        const Value result = graph.add("stream_ceiling", inputs,
                                       {{"writes", int64_t(streams.writes)}, {"lanes", form.lanes}, {"each", form.each}, {"item", form.item}});
        Bindings own = bindings;
        own[result] = bindings[inputs[0]];
        plans.push_back(Plan::compile(device, graph, own, {.name = "streams", .timestamps = true}));
    }
    return plans;
}

// ---- networks -------------------------------------------------------------------------------------------------------

const std::vector<Workload>& workloads() {
    const auto preset = [](const char* name) { return AttributeValue(std::string(name)); };
    static const std::vector<Workload> all{
        {"MobileNetV2 1.0/224", "mobilenet_v2", {}, "network=mobilenet_v2 width=1.0 size=224 channels=3 classes=1000"},
        {"ResNet-18", "resnet18", {}, "network=resnet18 size=224 channels=3 classes=1000"},
        {"ResNet-50", "resnet50", {}, "network=resnet50 size=224 channels=3 classes=1000"},
        {"WRN-16-4", "wrn", {{"depth", int64_t(16)}, {"width", int64_t(4)}}, "network=wrn depth=16 width=4 size=32 channels=3 classes=10"},
        {"MobileNetV2 0.35/28", "mobilenet_v2", {{"preset", preset("small28")}, {"width", 0.35}, {"channels", int64_t(1)}, {"classes", int64_t(10)}},
         "network=mobilenet_v2 preset=small28 width=0.35 size=28 channels=1 classes=10"},
    };
    return all;
}

const Workload& workload(const std::string& label) {
    for (const Workload& each : workloads())
        if (each.label == label) return each;
    fail(ErrorCode::internal, "There is no workload ", label, ".");
}

Rounds::Run inference_run(const std::shared_ptr<Device>& device, const Workload& workload, int64_t batch) {
    const auto model = std::make_shared<Model>(device, workload.build());
    model->initialise(1);
    const auto predictor = std::make_shared<Predictor>(model, batch);
    const Architecture& network = model->architecture();
    std::vector<uint8_t> pixels(size_t(batch * network.height() * network.width() * network.channels()));
    uint32_t state = 1;
    for (uint8_t& pixel : pixels) pixel = uint8_t(next_random(state) >> 24);
    std::vector<float> results(size_t(batch * predictor->outputs()));
    return [=]() mutable {
        const double start = now();
        predictor->run(pixels.data(), batch, results.data());
        return now() - start;
    };
}

static std::shared_ptr<const Dataset> noise(const Architecture& network, int64_t images) {
    const RecordShape shape{int(network.height()), int(network.width()), int(network.channels())};
    std::vector<uint8_t> pixels(size_t(images * shape.bytes()));
    std::vector<int32_t> labels(static_cast<size_t>(images));
    uint32_t state = 7;
    for (uint8_t& pixel : pixels) pixel = uint8_t(next_random(state) >> 24);
    for (int32_t& label : labels) label = int32_t((next_random(state) >> 8) % uint32_t(network.classes()));
    return std::make_shared<MemoryDataset>("noise", shape, std::move(pixels), std::move(labels), number_names(int(network.classes())));
}

std::shared_ptr<Trainer> make_trainer(const std::shared_ptr<Device>& device, const Workload& workload, int64_t batch,
                                      Attributes options) {
    const auto model = std::make_shared<Model>(device, workload.build());
    model->initialise(1);
    options.set("batch", batch);
    options.set("epochs", int64_t(1000000)); // never done
    // A rate at which nothing moves far: noise has nothing to be learnt, and a training that diverges ends.
    const Optimizer optimizer("sgd", {{"rate", 1e-6}, {"momentum", 0.9}});
    return std::make_shared<Trainer>(model, noise(model->architecture(), 2 * batch), optimizer, Schedule("constant", {}),
                                     std::move(options));
}

Rounds::Run training_run(std::shared_ptr<Trainer> trainer) {
    return [trainer = std::move(trainer), steps = int64_t(0)]() mutable {
        const double start = now();
        if (steps == 0) { // the warm-up: the first compiles, the second says how long one takes
            trainer->step();
            trainer->progress(true);
            const double second = now();
            trainer->step();
            trainer->progress(true);
            steps = std::clamp<int64_t>(int64_t(std::ceil(0.1 / (now() - second))), 1, 1000);
            return now() - second;
        }
        for (int64_t i = 0; i < steps; ++i) trainer->step();
        trainer->progress(true);
        return (now() - start) / double(steps);
    };
}

bool trainer_has_option(const std::string& name) {
    return std::ranges::any_of(trainer_options(), [&](const AttributeSpec& spec) { return spec.name == name; });
}

} // namespace lemnos::bench
