// Push constants and dispatch of conv2d_depthwise.comp (forward; with flip the data gradient at stride 1).
//
// An item is 8 channels × one strip of STRIP output columns × rows_per_item output rows × images_per_item images.
//   strips = ceil(out_width / STRIP), bands = ceil(out_height / rows_per_item),
//   items = channels/8 · strips · bands · ceil(batch / images_per_item)
//   groups = ceil(items / workgroup size): x = min(groups, 32768), y = 1, z = ceil(groups / x)
#ifndef LEMNOS_SHADER_CONV2D_DEPTHWISE_H
#define LEMNOS_SHADER_CONV2D_DEPTHWISE_H
#include "params.h"
PARAMS(Conv2dDepthwiseParams)
uint items;
uint channels;
uint batch;
uint in_height;
uint in_width;
uint out_height;
uint out_width;
int pad_top;  // for the data gradient: kernel - 1 - pad
int pad_left;
uint strips;
uint bands;
uint rows_per_item;
uint images_per_item;
uint flip;    // 1: the filter turned by 180°
float slope;  // of the leaky relu
PARAMS_END
#endif
