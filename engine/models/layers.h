// The layers that networks are built of: each adds nodes and the parameters they need to a graph, named as torchvision
// names them, so that its weights load unchanged.
#pragma once

#include "models/architecture.h"
#include "models/normaliser.h"

namespace lemnos {

enum class Padding {
    symmetric, // (kernel - 1) / 2 of the widened kernel on every side
    same,      // TensorFlow's SAME
    valid,     // none
};

struct ConvolutionLayer {
    int64_t channels = 1;
    int64_t kernel = 3;
    int64_t kernel_width = 0; // where it differs from the height
    int64_t stride = 1;
    int64_t dilation = 1;
    int64_t groups = 1;
    bool bias = false;
    Padding padding = Padding::symmetric;
    const char* activation = "none";
    double deviation = 0; // of the first weights, from N(0, deviation); 0: Kaiming's
};

struct PoolLayer {
    int64_t kernel = 2, stride = 2, padding = 0;
    bool ceil_mode = false;
};

class LayerBuilder {
  public:
    // Takes the normaliser from the option `norm`, where there is one.
    LayerBuilder(Architecture& architecture, const Attributes& options)
        : graph_(architecture.graph), normaliser_(options.contains("norm") ? Normaliser::parse(options.text("norm")) : Normaliser{}) {}

    // `name` is the module's: its parameters are name.weight and name.bias.
    Value convolution(Value x, const std::string& name, const ConvolutionLayer& layer);
    // Parameters name.weight (1) and name.bias (0); where inference takes running statistics, states name.running_mean (0)
    // and name.running_var (1).
    Value normalisation(Value x, const std::string& name, const char* activation, double epsilon = 1e-5);
    // Both, the convolution without a bias, in modules of these names.
    Value unit(Value x, const std::string& convolution_name, const std::string& normalisation_name, const ConvolutionLayer& layer,
               const char* activation, double epsilon = 1e-5) {
        return normalisation(convolution(x, convolution_name, layer), normalisation_name, activation, epsilon);
    }
    // op: "max_pool" or "average_pool".
    Value pool(const char* op, Value x, const std::string& name, const PoolLayer& layer);
    Value global_average_pool(Value x) { return add("global_average_pool", {x}, {}, "pool"); }
    Value dropout(Value x, const std::string& name, double rate);
    // x [batch, features] -> [batch, channels]; weights from N(0, deviation), biases 0.
    Value linear(Value x, const std::string& name, int64_t channels, double deviation);
    Value add(const std::string& op, std::vector<Value> inputs, Attributes attributes, const std::string& name);
    const Shape& shape(Value x) const { return graph_.shape(x); }
    int64_t channels(Value x) const { return graph_.type(x).channels(); }
    Value parameter(const std::string& name, Shape shape, Initializer initializer) { return graph_.parameter(name, std::move(shape), initializer); }

  private:
    Graph& graph_;
    Normaliser normaliser_;
    int64_t dropouts_ = 0;
};

// The options resolution, channels and classes of networks that classify images.
std::vector<AttributeSpec> classifier_options(int64_t resolution, int64_t classes);
// The same, of networks that detect objects; classes without the background.
std::vector<AttributeSpec> detector_options(int64_t resolution, int64_t classes);
// An architecture of that name that begins with an image as these options have it.
Architecture begin_network(const char* name, const Attributes& options);

// The channel count nearest to value that `divisor` divides, never more than 10 % below value (MobileNetV2's rule).
int64_t make_divisible(double value, int64_t divisor = 8);

} // namespace lemnos
