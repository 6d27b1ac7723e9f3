#include "ops/harness.h"

#include "plan/plan.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace lemnos::test {

// ---- the device and what the validation layer says of it --------------------------------------------------

static std::map<int64_t, std::shared_ptr<Device>>& open_devices() {
    static std::map<int64_t, std::shared_ptr<Device>> devices; // by max_storage_range
    return devices;
}

std::shared_ptr<Device> device(int64_t max_storage_range) {
    std::shared_ptr<Device>& device = open_devices()[max_storage_range];
    if (!device || device->closed()) {
        DeviceOptions options;
        options.max_storage_range = max_storage_range;
        device = Device::open(options);
    }
    return device;
}

static int64_t validation_messages() {
    int64_t messages = 0;
    for (const auto& [range, device] : open_devices())
        if (device) messages += device->validation_messages();
    return messages;
}

class ValidationListener : public testing::EmptyTestEventListener {
    void OnTestEnd(const testing::TestInfo&) override {
        const int64_t messages = validation_messages();
        EXPECT_EQ(messages, seen_)
            << "The validation layer complained during this test; LEMNOS_VERBOSE=validation prints what "
               "it said.";
        seen_ = messages;
    }
    int64_t seen_ = 0;
};

class Devices : public testing::Environment {
    void SetUp() override { testing::UnitTest::GetInstance()->listeners().Append(new ValidationListener); }
    void TearDown() override {
        for (auto& [range, device] : open_devices())
            if (device) device->close(); // before the layers' own static objects go
        open_devices().clear();
    }
};

static testing::Environment* const devices_environment = testing::AddGlobalTestEnvironment(new Devices);

void OpTest::SetUp() {
    trace_ = std::make_unique<testing::ScopedTrace>(__FILE__, __LINE__, random.seed_text());
    try {
        device();
    } catch (const Error& error) {
        const char* allowed = std::getenv("LEMNOS_ALLOW_NO_DEVICE");
        if (error.code() == ErrorCode::no_device && allowed && std::strcmp(allowed, "1") == 0)
            GTEST_SKIP() << error.what();
        FAIL() << error.what();
    }
}

// ---- tensors as bytes -------------------------------------------------------------------------------------

Tensor tensor_of(const std::vector<int32_t>& labels) {
    return reference::tensor_of<int32_t>({int64_t(labels.size())}, labels);
}

template <typename Number>
static void append(std::vector<uint8_t>& bytes, const Tensor& tensor) {
    for (double value : tensor.data) {
        const Number number = static_cast<Number>(value);
        const auto* from = reinterpret_cast<const uint8_t*>(&number);
        bytes.insert(bytes.end(), from, from + sizeof number);
    }
}

// The bits of a number that f16 can hold.
static uint16_t half_bits(double value) {
    const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
    if (std::isnan(value)) return 0x7e00;
    if (std::isinf(value)) return sign | 0x7c00;
    int exponent = 0;
    const double fraction = std::frexp(std::abs(value), &exponent); // in [1/2, 1)
    const bool normal = exponent > -14;
    const double units = std::ldexp(fraction, normal ? 11 : exponent + 24); // of the last place
    require(units == std::floor(units) && exponent <= 16, "The test gives ", value, " as f16, which cannot hold it.");
    return value == 0 ? sign : uint16_t(sign | (normal ? ((exponent + 14) << 10) + (int(units) - 1024) : int(units)));
}

static double of_half_bits(uint16_t bits) {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const double size = exponent == 31 ? (fraction ? std::nan("") : HUGE_VAL)
                                       : std::ldexp(exponent ? 1024 + fraction : fraction, std::max(exponent, 1) - 25);
    return bits & 0x8000 ? -size : size;
}

static std::vector<uint8_t> encoded(const Given& given) {
    std::vector<uint8_t> bytes;
    if (given.dtype == DataType::f32) append<float>(bytes, given.value);
    if (given.dtype == DataType::i32) append<int32_t>(bytes, given.value);
    if (given.dtype == DataType::u8) append<uint8_t>(bytes, given.value);
    if (given.dtype == DataType::f16) {
        Tensor bits(given.value.shape);
        std::transform(given.value.data.begin(), given.value.data.end(), bits.data.begin(), half_bits);
        append<uint16_t>(bytes, bits);
    }
    return bytes;
}

template <typename Number>
static Tensor decoded_as(const Shape& shape, const uint8_t* bytes) {
    Tensor tensor(shape);
    for (double& value : tensor.data) {
        Number number;
        std::memcpy(&number, bytes, sizeof number);
        value = double(number);
        bytes += sizeof number;
    }
    return tensor;
}

static Tensor decoded(const TensorType& type, const uint8_t* bytes) {
    if (type.dtype == DataType::f32) return decoded_as<float>(type.shape, bytes);
    if (type.dtype == DataType::i32) return decoded_as<int32_t>(type.shape, bytes);
    if (type.dtype == DataType::u8) return decoded_as<uint8_t>(type.shape, bytes);
    Tensor numbers = decoded_as<uint16_t>(type.shape, bytes);
    for (double& value : numbers.data) value = of_half_bits(uint16_t(value));
    return numbers;
}

// ---- running ----------------------------------------------------------------------------------------------

static constexpr uint8_t guard_byte = 0xff; // four of them are a NaN

// A tensor in a buffer of its own, guarded on both sides.
class Guarded {
  public:
    Guarded(std::shared_ptr<Device> device, const TensorType& type, std::string name)
        : guard_(round_up(256, device->profile().storage_alignment)), bytes_(type.bytes()),
          name_(std::move(name)), image_(size_t(round_up(bytes_ + 2 * guard_, 256)), guard_byte),
          buffer_(
              Buffer::create(std::move(device), BufferKind::device, int64_t(image_.size()), name_.c_str())) {}

    BufferView view() const { return {buffer_, guard_, bytes_}; }
    void write(const std::vector<uint8_t>& data) {
        std::copy(data.begin(), data.end(), image_.begin() + guard_);
        clear();
    }
    void clear() const { BufferView{buffer_, 0, int64_t(image_.size())}.write(image_.data()); }

    // The tensor's bytes now.
    std::vector<uint8_t> read() const {
        std::vector<uint8_t> now(image_.size());
        BufferView{buffer_, 0, int64_t(image_.size())}.read(now.data());
        const auto first = image_.begin() + guard_, last = first + bytes_;
        EXPECT_TRUE(std::equal(image_.begin(), first, now.begin()))
            << "Bytes before " << name_ << " were written.";
        EXPECT_TRUE(std::equal(last, image_.end(), now.end() - (image_.end() - last)))
            << "Bytes behind " << name_ << " (" << bytes_ << " bytes) were written.";
        return {now.begin() + guard_, now.begin() + guard_ + bytes_};
    }
    void expect_unchanged() const {
        EXPECT_EQ(std::memcmp(read().data(), image_.data() + guard_, size_t(bytes_)), 0)
            << "The input " << name_ << " was changed.";
    }

  private:
    int64_t guard_, bytes_;
    std::string name_;
    std::vector<uint8_t> image_; // what the buffer holds before a run
    std::shared_ptr<Buffer> buffer_;
};

static void run_plan(Plan& plan, const std::vector<Guarded>& outputs) {
    for (const Guarded& output : outputs) output.clear();
    plan.run();
    plan.device()->wait_all();
}

std::vector<Tensor> run_graph(const Graph& graph, const std::map<Value, Given>& given,
                              const std::vector<Value>& wanted, const RunOptions& options) {
    const std::shared_ptr<Device> on = options.device ? options.device : device();
    Bindings bindings;
    std::vector<Guarded> inputs, outputs;
    for (const auto& [value, tensor] : given) {
        require(tensor.type() == graph.type(value), "The test gives ", to_string(tensor.type()),
                " where the graph has ", to_string(graph.type(value)), ".");
        inputs.emplace_back(on, tensor.type(), text("input ", value.node));
        inputs.back().write(encoded(tensor));
        bindings[value] = inputs.back().view();
    }
    std::vector<size_t> output_of; // wanted values may repeat, or be inputs
    std::map<Value, size_t> known;
    for (Value value : wanted) {
        require(given.count(value) == 0, "The test wants what it gives.");
        const auto [at, added] = known.emplace(value, outputs.size());
        output_of.push_back(at->second);
        if (!added) continue;
        outputs.emplace_back(on, graph.type(value), text("output ", value.node, ":", value.output));
        bindings[value] = outputs.back().view();
    }

    const auto read_all = [&] {
        std::vector<std::vector<uint8_t>> bytes;
        for (const Guarded& output : outputs) bytes.push_back(output.read());
        return bytes;
    };
    const auto plan = Plan::compile(on, graph, bindings, {.name = "test", .kernels = options.kernels, .checks_kernels = !options.kernels});
    if (options.uses) *options.uses = plan->kernels();
    run_plan(*plan, outputs);
    const auto results = read_all();
    if (options.inputs_stay && options.once)
        for (const Guarded& input : inputs) input.expect_unchanged();
    if (options.inputs_stay && !options.once) {
        run_plan(*plan, outputs);
        EXPECT_TRUE(read_all() == results) << "A second run of the plan gave other bits.";
        for (const Guarded& input : inputs) input.expect_unchanged();
    }

    if (!options.once) {
        for (const Guarded& input : inputs) input.clear();
        run_plan(*Plan::compile(on, graph, bindings, {.name = "separate", .separate_buffers = true, .kernels = options.kernels,
                                                        .checks_kernels = !options.kernels}),
                 outputs);
        EXPECT_TRUE(read_all() == results) << "The run with separate buffers gave other bits.";
    }

    std::vector<Tensor> tensors;
    for (size_t i = 0; i < wanted.size(); ++i)
        tensors.push_back(decoded(graph.type(wanted[i]), results[output_of[i]].data()));
    return tensors;
}

// The graph of one operator, its inputs bound to what the case gives.
struct OpGraph {
    explicit OpGraph(const OpCase& op_case) {
        for (size_t i = 0; i < op_case.inputs.size(); ++i) {
            const Given& input = op_case.inputs[i];
            inputs.push_back(input.value.empty() ? Value{} : graph.input(text("input", i), input.type()));
            if (inputs.back()) given.emplace(inputs.back(), input);
        }
        result = graph.add(op_case.op, inputs, op_case.attributes);
    }
    Graph graph;
    std::vector<Value> inputs;
    std::map<Value, Given> given;
    Value result;
};

std::vector<Tensor> run_all(const OpCase& op_case, const RunOptions& options) {
    const OpGraph op(op_case);
    std::vector<Value> outputs;
    for (size_t i = 0; i < op.graph.node(op.result.node).outputs.size(); ++i)
        outputs.push_back({op.result.node, int32_t(i)});
    return run_graph(op.graph, op.given, outputs, options);
}

Tensor run(const OpCase& op_case, const RunOptions& options) {
    const OpGraph op(op_case);
    return run_graph(op.graph, op.given, {op.result}, options)[0];
}

std::vector<Tensor> run_gradients(const OpCase& op_case, const Tensor& seed, const std::vector<int>& wrt,
                                  const RunOptions& options, int output) {
    OpGraph op(op_case);
    const DataType dtype = op.graph.type({op.result.node, output}).dtype;
    const Value seed_value = op.graph.input("seed", {dtype, seed.shape});
    op.given.emplace(seed_value, Given(seed, dtype));
    std::vector<Value> values;
    for (int i : wrt) values.push_back(op.inputs.at(size_t(i)));
    std::vector<Value> gradients = lemnos::gradients(op.graph, {op.result.node, output}, values, seed_value);
    // The gradient of a sum is the seed itself, which is not an output: give it a node.
    for (Value& gradient : gradients)
        if (op.given.count(gradient))
            gradient = op.graph.add("reshape", {gradient}, {{"shape", op.graph.shape(gradient)}});
    return run_graph(op.graph, op.given, gradients, options);
}

std::string refusal(const OpCase& op_case) {
    try {
        const OpGraph op(op_case);
        return "";
    } catch (const Error& error) {
        return error.what();
    }
}

} // namespace lemnos::test
