// Push constants and dispatch of conv2d_depthwise_input_gradient.comp, for stride > 1.
// Bindings: 0 dy, 1 w, 2 dx. Specialisation: 0 workgroup size = subgroup size, 1 to 4 kernel and stride (y,
// x), 5 STRIP: 2, or 1 where T_y <= 8. A step along an axis makes `stride` pixels of dx: T = floor((in − 1 + pad) / stride) −
// floor(pad / stride) + 1 steps. An item is 8 channels × one strip of STRIP steps in y × columns_per_item steps
// in x × images_per_item images.
//   strips = ceil(T_y / STRIP), columns_per_item = min(T_x, 28), bands = ceil(T_x / columns_per_item),
//   images_per_item = clamp(28 / T_x, 1, batch), items = channels/8 · strips · bands · ceil(batch /
//   images_per_item); groups = folded_groups(ceil(items / workgroup size))
#ifndef LEMNOS_SHADER_CONV2D_DEPTHWISE_INPUT_GRADIENT_H
#define LEMNOS_SHADER_CONV2D_DEPTHWISE_INPUT_GRADIENT_H
#include "params.h"
PARAMS(Conv2dDepthwiseInputGradientParams)
uint items;
uint channels;
uint batch;
uint in_height;  // of dx
uint in_width;
uint out_height;  // of dy
uint out_width;
int pad_top;
int pad_left;
uint strips;
uint bands;
uint columns_per_item;
uint images_per_item;
uint far;    // 1: dy is not in the caches next to the processor
uint never;  // 0
PARAMS_END
#endif
