// Push constants and dispatch of conv2d_depthwise_input_gradient.comp.
//
// With T = floor((in − 1 + pad) / stride) − floor(pad / stride) + 1 steps along an axis (each makes `stride` pixels of dx),
// an item is 8 channels × one strip of STRIP steps in x × rows_per_item steps in y × images_per_item images.
//   strips = ceil(T_x / STRIP), bands = ceil(T_y / rows_per_item),
//   items = channels/8 · strips · bands · ceil(batch / images_per_item)
//   groups = ceil(items / workgroup size): x = min(groups, 32768), y = 1, z = ceil(groups / x)
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
uint rows_per_item;
uint images_per_item;
PARAMS_END
#endif
