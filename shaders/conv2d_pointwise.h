// Push constants and dispatch of conv2d_pointwise.comp.
#ifndef LEMNOS_SHADER_CONV2D_POINTWISE_H
#define LEMNOS_SHADER_CONV2D_POINTWISE_H
#include "params.h"
PARAMS(Conv2dPointwiseParams)
uint rows;     // M: batch · height · width
uint inner;    // K: channels in
uint columns;  // N: channels out
float slope;   // of the leaky relu
PARAMS_END
#endif
