// MobileNets without their classifiers, for networks that classify and for detectors alike.
#pragma once

#include "models/layers.h"

namespace lemnos {

struct MobileNetOptions {
    double width = 1; // multiplies every layer's channels
    Padding padding = Padding::symmetric;
    int64_t stem_stride = 2;
    std::vector<int64_t> strides = {}; // of MobileNetV2's stages; empty: the paper's
    int64_t head = 0;                  // channels of MobileNetV2's last convolution; 0: the paper's
};

struct MobileNetFeatures {
    Value stride16; // where SSDLite looks first: V1's last block of 512 channels, V2's expansion of the first block of 160
    Value last;
};
MobileNetFeatures mobilenet_v1_features(LayerBuilder& layers, Value image, const MobileNetOptions& options);
MobileNetFeatures mobilenet_v2_features(LayerBuilder& layers, Value image, const MobileNetOptions& options);

} // namespace lemnos
