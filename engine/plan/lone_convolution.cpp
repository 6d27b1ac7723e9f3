#include "plan/lone_convolution.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace lemnos {

// ---- numbers as bytes -----------------------------------------------------------------------------------------------

// Of a multiple of 1/8 between -1 and 1, which f16 holds exactly.
static uint16_t half_of(double value) {
    if (value == 0) return 0;
    int exponent = 0;
    const double fraction = std::frexp(std::abs(value), &exponent); // in [1/2, 1)
    return uint16_t((value < 0 ? 0x8000 : 0) | ((exponent + 14) << 10) | (int(fraction * 2048) - 1024));
}

static double of_half(uint16_t bits) {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const double size = exponent == 31 ? std::nan("")
                                       : std::ldexp(exponent ? 1024 + fraction : fraction, std::max(exponent, 1) - 25);
    return bits & 0x8000 ? -size : size;
}

static std::vector<std::byte> encoded(const std::vector<double>& numbers, DataType dtype) {
    std::vector<std::byte> bytes(numbers.size() * (dtype == DataType::f16 ? 2 : 4));
    for (size_t i = 0; i < numbers.size(); ++i)
        if (dtype == DataType::f16) {
            const uint16_t bits = half_of(numbers[i]);
            std::memcpy(&bytes[2 * i], &bits, 2);
        } else {
            const float number = float(numbers[i]);
            std::memcpy(&bytes[4 * i], &number, 4);
        }
    return bytes;
}

static std::vector<double> decoded(const std::vector<std::byte>& bytes, DataType dtype) {
    std::vector<double> numbers(bytes.size() / (dtype == DataType::f16 ? 2 : 4));
    for (size_t i = 0; i < numbers.size(); ++i)
        if (dtype == DataType::f16) {
            uint16_t bits;
            std::memcpy(&bits, &bytes[2 * i], 2);
            numbers[i] = of_half(bits);
        } else {
            float number;
            std::memcpy(&number, &bytes[4 * i], 4);
            numbers[i] = double(number);
        }
    return numbers;
}

// ---- the graph ------------------------------------------------------------------------------------------------------

BufferView LoneConvolution::memory(const TensorType& type) const {
    const int64_t bytes = type.bytes();
    return {Buffer::create(device_, BufferKind::device, round_up(bytes, 256) + 256, "check of a kernel"), 0, bytes};
}

LoneConvolution::Tensor LoneConvolution::add(const char* name, DataType dtype, Shape shape) {
    Tensor tensor;
    tensor.type = {dtype, std::move(shape)};
    tensor.numbers.resize(size_t(tensor.type.elements()));
    for (double& number : tensor.numbers) {
        random_ = random_ * 1664525u + 1013904223u; // Numerical Recipes' generator
        number = double(int(random_ >> 24) % 17 - 8) / 8;
    }
    tensor.view = memory(tensor.type);
    tensor.view.write(encoded(tensor.numbers, dtype).data());
    tensor.value = graph_.input(name, tensor.type);
    bindings_[tensor.value] = tensor.view;
    return tensor;
}

// What lies below or to the right of the image, so that the result has its size.
static int64_t padding_behind(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t dilation, int64_t before) {
    return std::max<int64_t>(0, (out - 1) * stride + (kernel - 1) * dilation + 1 - in - before);
}

LoneConvolution::LoneConvolution(std::shared_ptr<Device> device, const ConvolutionProblem& problem)
    : device_(std::move(device)), problem_(problem) {
    const ConvolutionShape& s = problem.shape;
    const Shape x{s.batch, s.in_height, s.in_width, s.in_channels}, y{s.batch, s.out_height, s.out_width, s.out_channels};
    const Shape filter{s.kernel_height, s.kernel_width, s.in_channels / s.groups, s.out_channels};
    const int64_t bottom = padding_behind(s.in_height, s.out_height, s.kernel_height, s.stride_y, s.dilation_y, s.pad_top);
    const int64_t right = padding_behind(s.in_width, s.out_width, s.kernel_width, s.stride_x, s.dilation_x, s.pad_left);
    Attributes attributes{{"stride", std::vector<int64_t>{s.stride_y, s.stride_x}},
                          {"padding", std::vector<int64_t>{s.pad_top, bottom, s.pad_left, right}},
                          {"dilation", std::vector<int64_t>{s.dilation_y, s.dilation_x}},
                          {"groups", s.groups}};
    Value result;
    if (problem.pass == ConvolutionPass::forward) {
        static constexpr const char* names[] = {"none", "relu", "relu6", "leaky_relu", "sigmoid", "tanh", "hard_swish"};
        attributes.set("activation", std::string(names[int(problem.activation)]));
        x_ = add("x", problem.dtype, x);
        filter_ = add("filter", DataType::f32, filter);
        if (problem.bias) bias_ = add("bias", DataType::f32, {s.out_channels});
        if (problem.residual) residual_ = add("residual", problem.dtype, y);
        result = graph_.add("conv2d", {x_.value, filter_.value, bias_.value, residual_.value}, attributes);
    } else if (problem.pass == ConvolutionPass::input_gradient) {
        attributes.set("size", std::vector<int64_t>{s.in_height, s.in_width});
        dy_ = add("dy", problem.dtype, y);
        filter_ = add("filter", DataType::f32, filter);
        if (problem.residual) residual_ = add("residual", problem.dtype, x);
        result = graph_.add("conv2d_input_gradient", {dy_.value, filter_.value, residual_.value}, attributes);
    } else {
        attributes.set("kernel", std::vector<int64_t>{s.kernel_height, s.kernel_width});
        x_ = add("x", problem.dtype, x);
        dy_ = add("dy", problem.dtype, y);
        result = graph_.add("conv2d_filter_gradient", {x_.value, dy_.value}, attributes);
    }
    result_type_ = graph_.type(result);
    result_ = memory(result_type_);
    bindings_[result] = result_;
}

std::shared_ptr<Plan> LoneConvolution::compile(const KernelChoice& choice, const std::vector<const ConvolutionKernel*>& offered,
                                               bool timestamps) const {
    const auto choices = std::make_shared<KernelChoices>();
    for (const ConvolutionKernel* row : offered) choices->offer(row);
    const std::string name = to_string(problem_);
    choices->decide(name, {choice, choice});
    auto plan = Plan::compile(device_, graph_, bindings_,
                              {.name = "kernel", .timestamps = timestamps, .kernels = choices, .checks_kernels = false});
    const auto use = plan->kernels().find(name);
    if (use == plan->kernels().end() || use->second.choice != choice)
        fail(ErrorCode::internal, "The kernel ", to_string(choice), " was not taken for ", name, ".");
    return plan;
}

std::vector<double> LoneConvolution::run(Plan& plan) const {
    std::vector<std::byte> bytes(size_t(result_.bytes), std::byte(0xff));
    result_.write(bytes.data());
    plan.run();
    result_.read(bytes.data());
    return decoded(bytes, result_type_.dtype);
}

// ---- what it should be ----------------------------------------------------------------------------------------------

static double activated(ActivationKind kind, double value) {
    if (kind == ActivationKind::none) return value;
    if (kind == ActivationKind::relu) return std::max(value, 0.0);
    if (kind == ActivationKind::relu6) return std::clamp(value, 0.0, 6.0);
    fail(ErrorCode::internal, "The expected result of a convolution with this activation is not defined.");
}

std::vector<double> LoneConvolution::expected() const {
    const ConvolutionShape& s = problem_.shape;
    const int64_t inner = s.in_channels / s.groups, columns = s.out_channels / s.groups;
    std::vector<double> result(size_t(result_type_.elements()), 0.0);
    const auto at = [](std::vector<double>& numbers, int64_t i) -> double& { return numbers[size_t(i)]; };
    const auto of = [](const Tensor& tensor, int64_t i) { return tensor.numbers[size_t(i)]; };
    for (int64_t pixel = 0; pixel < s.pixels(); ++pixel) {
        const int64_t n = pixel / (s.out_height * s.out_width);
        const int64_t y = pixel / s.out_width % s.out_height, x = pixel % s.out_width;
        for (int64_t tap = 0; tap < s.kernel_height * s.kernel_width; ++tap) {
            const int64_t row = y * s.stride_y - s.pad_top + tap / s.kernel_width * s.dilation_y;
            const int64_t column = x * s.stride_x - s.pad_left + tap % s.kernel_width * s.dilation_x;
            if (row < 0 || row >= s.in_height || column < 0 || column >= s.in_width) continue;
            const int64_t input = ((n * s.in_height + row) * s.in_width + column) * s.in_channels;
            for (int64_t channel = 0; channel < s.in_channels; ++channel)
                for (int64_t out = 0; out < columns; ++out) {
                    const int64_t to = channel / inner * columns + out;
                    const int64_t w = (tap * inner + channel % inner) * s.out_channels + to, i = input + channel;
                    const int64_t o = pixel * s.out_channels + to;
                    if (problem_.pass == ConvolutionPass::forward) at(result, o) += of(x_, i) * of(filter_, w);
                    else if (problem_.pass == ConvolutionPass::input_gradient) at(result, i) += of(dy_, o) * of(filter_, w);
                    else at(result, w) += of(x_, i) * of(dy_, o);
                }
        }
    }
    if (problem_.pass != ConvolutionPass::filter_gradient) // that of the input has neither bias nor activation
        for (int64_t i = 0; i < int64_t(result.size()); ++i) {
            double& value = at(result, i);
            if (problem_.bias) value += of(bias_, i % s.out_channels);
            if (problem_.residual) value += of(residual_, i);
            value = activated(problem_.activation, value);
        }
    return result;
}

std::string LoneConvolution::difference(const std::vector<double>& result, const std::vector<double>& expected) const {
    double largest = 1;
    for (double value : expected) largest = std::max(largest, std::abs(value));
    size_t wrong = 0, first = 0;
    for (size_t i = 0; i < expected.size(); ++i)
        if (!(std::abs(result[i] - expected[i]) <= tolerance() * largest) && wrong++ == 0) first = i;
    if (wrong == 0) return {};
    return text(wrong, " of ", expected.size(), " numbers differ, the first of them, number ", first, ", is ", result[first],
                " (", expected[first], " is right).");
}

} // namespace lemnos
