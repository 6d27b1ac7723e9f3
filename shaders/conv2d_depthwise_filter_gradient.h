// Push constants and dispatch of conv2d_depthwise_filter_gradient.comp.
//
// Bindings: 0 x, 1 dy, 2 workspace.
// Specialisation: 0 workgroup size = subgroup size, 1 to 4 kernel and stride (y, x), 5 STRIP as in
//   conv2d_depthwise.h.
// An item is 8 channels × one slice of the strips of all images; a strip is STRIP output rows of an image.
//   strips = ceil(out_height / STRIP), units = batch · strips, units_per_slice = ceil(units / clamp(ceil(256 /
//   (channels/8)), 1, units)), slices = ceil(units / units_per_slice), items = channels/8 · slices; groups =
//   folded_groups(ceil(items / workgroup size))
// Workspace: slices · kernel height · kernel width · channels floats, partial[slice][ky][kx][c]; then
// conv2d_sum with copies = slices, count = kernel height · kernel width · channels.
#ifndef LEMNOS_SHADER_CONV2D_DEPTHWISE_FILTER_GRADIENT_H
#define LEMNOS_SHADER_CONV2D_DEPTHWISE_FILTER_GRADIENT_H
#include "params.h"
PARAMS(Conv2dDepthwiseFilterGradientParams)
uint items;
uint channels;
uint units;
uint units_per_slice;
uint strips;
uint in_height;
uint in_width;
uint out_height;
uint out_width;
int pad_top;
int pad_left;
uint far;    // 1: x is not in the caches next to the processor: it and dy are asked for
uint never;  // 0
PARAMS_END
#endif
