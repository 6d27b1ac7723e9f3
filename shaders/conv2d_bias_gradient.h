// Push constants and dispatch of conv2d_bias_gradient.comp. Variant 8 (columns % 8 == 0) or 1; an item is that many columns
// of one slice: items = columns / variant · slices, slices = ceil(rows / slice_rows); groups = ceil(items / workgroup size),
// x = min(groups, 32768), z = ceil(groups / x). Workspace: slices · columns floats; then conv2d_sum with copies = slices.
#ifndef LEMNOS_SHADER_CONV2D_BIAS_GRADIENT_H
#define LEMNOS_SHADER_CONV2D_BIAS_GRADIENT_H
#include "params.h"
PARAMS(Conv2dBiasGradientParams)
uint items;
uint rows;  // batch · height · width
uint columns;
uint slice_rows;
PARAMS_END
#endif
