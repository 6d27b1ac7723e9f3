// Push constants and dispatch of conv2d_bias_gradient.comp. Variant 8 (columns % 8 == 0) or 1.
//
// Bindings: 0 dy, 1 workspace. An item is as many columns as the variant says, of one slice of the rows:
//   slices = ceil(rows / slice_rows), items = columns / variant · slices; groups = folded_groups(ceil(items /
//   workgroup size))
// Workspace: slices · columns floats; then conv2d_sum with copies = slices, count = columns.
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
