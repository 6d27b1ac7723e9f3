// Push constants and dispatch of conv2d_depthwise_any.comp, conv2d_depthwise_any_input_gradient.comp and
// conv2d_depthwise_any_filter_gradient.comp: groups = folded_groups(ceil(count / workgroup size)), workgroup
// size 64. Bindings as in the files without `any`. Specialisation of the forward: 0 workgroup size, 1 BIAS, 2
// ACTIVATION.
//   forward: count = batch · out_height · out_width · in_channels · multiplier
//   input gradient: count = batch · in_height · in_width · in_channels
//   filter gradient: count = slices · kernel height · kernel width · in_channels · multiplier, where
//     slices = ceil(rows / slice_rows); workspace: count floats; then conv2d_sum with copies = slices
#ifndef LEMNOS_SHADER_CONV2D_DEPTHWISE_ANY_H
#define LEMNOS_SHADER_CONV2D_DEPTHWISE_ANY_H
#include "params.h"
PARAMS(Conv2dDepthwiseAnyParams)
uint count;  // invocations that have work
uint rows;   // batch · out_height · out_width
uint slice_rows;
uint in_channels;
uint multiplier;  // channels out for each channel in
uint in_height;
uint in_width;
uint out_height;
uint out_width;
uint kernel_height;
uint kernel_width;
int stride_y;
int stride_x;
int dilation_y;
int dilation_x;
int pad_top;
int pad_left;
float slope;  // of the leaky relu
PARAMS_END
#endif
