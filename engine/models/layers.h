// The layers that networks are built of: each adds nodes and the parameters they need to a graph, named as torchvision
// names them, so that its weights load unchanged.
#pragma once

#include "models/architecture.h"
#include "models/normaliser.h"

namespace lemnos {

struct ConvolutionLayer {
    int64_t channels = 1;
    int64_t kernel = 3;
    int64_t stride = 1;
    int64_t groups = 1;
    bool bias = false;
    bool same_padding = false; // TensorFlow's SAME; otherwise (kernel - 1) / 2 on every side
};

class LayerBuilder {
  public:
    // Takes the normaliser from the option `norm`.
    LayerBuilder(Architecture& architecture, const Attributes& options)
        : graph_(architecture.graph), normaliser_(Normaliser::parse(options.text("norm"))) {}

    // `name` is the module's: its parameters are name.weight and name.bias.
    Value convolution(Value x, const std::string& name, const ConvolutionLayer& layer);
    // Parameters name.weight (1) and name.bias (0); where inference takes running statistics, states name.running_mean (0)
    // and name.running_var (1).
    Value normalisation(Value x, const std::string& name, const char* activation, double epsilon = 1e-5);
    Value dropout(Value x, const std::string& name, double rate);
    // x [batch, features] -> [batch, channels]; weights from N(0, deviation), biases 0.
    Value linear(Value x, const std::string& name, int64_t channels, double deviation);
    Value add(const std::string& op, std::vector<Value> inputs, Attributes attributes, const std::string& name);

  private:
    Graph& graph_;
    Normaliser normaliser_;
    int64_t dropouts_ = 0;
};

// The channel count nearest to value that `divisor` divides, never more than 10 % below value (MobileNetV2's rule).
int64_t make_divisible(double value, int64_t divisor = 8);

} // namespace lemnos
