// Inception-v3 (Szegedy et al., arXiv 1512.00567) with torchvision's names: blocks of parallel branches, long convolutions as
// pairs of 1 x 7 and 7 x 1. The auxiliary classifier, which training alone uses, is an option.
#include "models/layers.h"

#include <cmath>

using namespace lemnos;

namespace {

// A block's convolutions by their names within it; all are followed by normalisation and activation.
class Block {
  public:
    Block(LayerBuilder& layers, std::string name) : layers_(layers), name_(std::move(name)) {}
    Value unit(Value x, const char* part, const ConvolutionLayer& layer) {
        const std::string name = part[0] ? text(name_, ".", part) : name_;
        return layers_.unit(x, name + ".conv", name + ".bn", layer, "relu", 1e-3);
    }
    Value point(Value x, const char* part, int64_t channels) {
        return unit(x, part, {.channels = channels, .kernel = 1});
    }
    Value wide(Value x, const char* part, int64_t channels, int64_t width) {
        return unit(x, part, {.channels = channels, .kernel = 1, .kernel_width = width});
    }
    Value tall(Value x, const char* part, int64_t channels, int64_t height) {
        return unit(x, part, {.channels = channels, .kernel = height, .kernel_width = 1});
    }
    Value halved(Value x, const char* part, int64_t channels) {
        return unit(x, part, {.channels = channels, .stride = 2, .padding = Padding::valid});
    }
    Value pooled(Value x, int64_t channels) {
        return point(
            layers_.pool("average_pool", x, name_ + ".pool", {.kernel = 3, .stride = 1, .padding = 1}),
            "branch_pool", channels);
    }
    Value half_pooled(Value x) {
        return layers_.pool("max_pool", x, name_ + ".pool", {.kernel = 3, .stride = 2});
    }
    Value join(std::vector<Value> branches) {
        return layers_.add("concat", std::move(branches), {{"axis", int64_t(-1)}}, name_);
    }

  private:
    LayerBuilder& layers_;
    std::string name_;
};

Value block_a(Block b, Value x, int64_t pool_channels) {
    const Value five = b.unit(b.point(x, "branch5x5_1", 48), "branch5x5_2", {.channels = 64, .kernel = 5});
    const Value three = b.unit(b.unit(b.point(x, "branch3x3dbl_1", 64), "branch3x3dbl_2", {.channels = 96}),
                               "branch3x3dbl_3", {.channels = 96});
    return b.join({b.point(x, "branch1x1", 64), five, three, b.pooled(x, pool_channels)});
}

Value block_b(Block b, Value x) {
    const Value twice = b.halved(b.unit(b.point(x, "branch3x3dbl_1", 64), "branch3x3dbl_2", {.channels = 96}),
                                 "branch3x3dbl_3", 96);
    return b.join({b.halved(x, "branch3x3", 384), twice, b.half_pooled(x)});
}

Value block_c(Block b, Value x, int64_t inner) {
    Value seven = b.wide(b.point(x, "branch7x7_1", inner), "branch7x7_2", inner, 7);
    seven = b.tall(seven, "branch7x7_3", 192, 7);
    Value twice = b.tall(b.point(x, "branch7x7dbl_1", inner), "branch7x7dbl_2", inner, 7);
    twice = b.tall(b.wide(twice, "branch7x7dbl_3", inner, 7), "branch7x7dbl_4", inner, 7);
    twice = b.wide(twice, "branch7x7dbl_5", 192, 7);
    return b.join({b.point(x, "branch1x1", 192), seven, twice, b.pooled(x, 192)});
}

Value block_d(Block b, Value x) {
    const Value three = b.halved(b.point(x, "branch3x3_1", 192), "branch3x3_2", 320);
    const Value seven =
        b.tall(b.wide(b.point(x, "branch7x7x3_1", 192), "branch7x7x3_2", 192, 7), "branch7x7x3_3", 192, 7);
    return b.join({three, b.halved(seven, "branch7x7x3_4", 192), b.half_pooled(x)});
}

Value block_e(Block b, Value x) {
    const Value three = b.point(x, "branch3x3_1", 384);
    const Value twice = b.unit(b.point(x, "branch3x3dbl_1", 448), "branch3x3dbl_2", {.channels = 384});
    return b.join({b.point(x, "branch1x1", 320), b.wide(three, "branch3x3_2a", 384, 3),
                   b.tall(three, "branch3x3_2b", 384, 3), b.wide(twice, "branch3x3dbl_3a", 384, 3),
                   b.tall(twice, "branch3x3dbl_3b", 384, 3), b.pooled(x, 192)});
}

Value auxiliary_classifier(LayerBuilder& layers, Value x, int64_t classes) {
    x = layers.pool("average_pool", x, "AuxLogits.pool", {.kernel = 5, .stride = 3});
    Block b(layers, "AuxLogits");
    x = b.unit(b.point(x, "conv0", 128), "conv1", {.channels = 768, .kernel = 5, .padding = Padding::valid});
    return layers.linear(layers.add("global_average_pool", {x}, {}, "AuxLogits.pool"), "AuxLogits.fc",
                         classes, 0.001);
}

Architecture build(const Attributes& options) {
    require(options.integer("resolution") >= 75, "Model inception_v3: the resolution (",
            options.integer("resolution"), ") must be at least 75 pixels.");
    require(!options.boolean("auxiliary") || options.integer("resolution") >= 299,
            "Model inception_v3: the auxiliary classifier needs "
            "images of at least 299 pixels (",
            options.integer("resolution"), " were given).");
    Architecture network = begin_network("inception_v3", options);
    // What its published weights expect, unlike those of the other networks.
    network.pixels = {std::vector<double>(size_t(network.channels()), 0.5), std::vector<double>(size_t(network.channels()), 0.5)};
    LayerBuilder layers(network, options);
    const auto block = [&](const char* name) { return Block(layers, name); };
    Value x = block("Conv2d_1a_3x3").halved(network.image, "", 32);
    x = block("Conv2d_2a_3x3").unit(x, "", {.channels = 32, .padding = Padding::valid});
    x = block("Conv2d_2b_3x3").unit(x, "", {.channels = 64});
    x = layers.pool("max_pool", x, "maxpool1", {.kernel = 3, .stride = 2});
    x = block("Conv2d_3b_1x1").point(x, "", 80);
    x = block("Conv2d_4a_3x3").unit(x, "", {.channels = 192, .padding = Padding::valid});
    x = layers.pool("max_pool", x, "maxpool2", {.kernel = 3, .stride = 2});
    x = block_a(block("Mixed_5b"), x, 32);
    x = block_a(block("Mixed_5c"), x, 64);
    x = block_a(block("Mixed_5d"), x, 64);
    x = block_b(block("Mixed_6a"), x);
    x = block_c(block("Mixed_6b"), x, 128);
    x = block_c(block("Mixed_6c"), x, 160);
    x = block_c(block("Mixed_6d"), x, 160);
    x = block_c(block("Mixed_6e"), x, 192);
    if (options.boolean("auxiliary"))
        network.auxiliary = auxiliary_classifier(layers, x, options.integer("classes"));
    x = block_d(block("Mixed_7a"), x);
    x = block_e(block("Mixed_7b"), x);
    x = block_e(block("Mixed_7c"), x);
    x = layers.dropout(layers.global_average_pool(x), "dropout", options.real("dropout"));
    network.logits = layers.linear(x, "fc", options.integer("classes"), 0.1);
    return network;
}

} // namespace

ArchitectureBuilder define_architecture_inception_v3() {
    std::vector<AttributeSpec> options = classifier_options(299, 1000);
    options.push_back(normaliser_option());
    options.push_back(boolean_attribute("auxiliary", false,
                                        "A second classifier in the middle, which training alone uses."));
    options.push_back(real_attribute("dropout", 0.5, 0, 0.99, "Dropout before the classifier."));
    return {.name = "inception_v3",
            .summary = "Inception-v3 (arXiv 1512.00567).",
            .options = std::move(options),
            .build = build};
}
