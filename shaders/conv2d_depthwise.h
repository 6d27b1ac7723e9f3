// Push constants and dispatch of conv2d_depthwise.comp: forward; with flip the data gradient at stride 1.
//
// Bindings: 0 x, 1 w, 2 bias (dummy without BIAS), 3 y.
// Specialisation: 0 workgroup size = subgroup size, 1 to 4 kernel and stride (y, x), 5 STRIP, 6 BIAS,
//   7 ACTIVATION. STRIP: 4 at stride 1, above it 2, or 1 where out_height <= 8.
// An item is 8 channels × one strip of STRIP output rows × columns_per_item columns × images_per_item images.
//   strips = ceil(out_height / STRIP), columns_per_item = min(out_width, 28), bands = ceil(out_width /
//   columns_per_item), images_per_item = clamp(28 / out_width, 1, batch), items = channels/8 · strips · bands ·
//   ceil(batch / images_per_item); groups = folded_groups(ceil(items / workgroup size))
// For channels % 8 == 0, dilation 1 and kernels up to 3×3. A kernel up to 5×5 takes STRIP 2 and a second to
// compile. All else takes conv2d_depthwise_any.comp, and so does every device of the tiled family. Data
// gradient at stride 1: x is dy, in_* and out_* change places, pad becomes kernel − 1 − pad, flip = 1, no
// bias.
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
uint columns_per_item;
uint images_per_item;
uint flip;    // 1: the filter turned by 180°
float slope;  // of the leaky relu
uint far;     // 1: x is not in the caches next to the processor
uint never;   // 0
PARAMS_END
#endif
