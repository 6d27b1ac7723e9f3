// Push constants and dispatch of conv2d_sum.comp. Variant 8 (count % 8 == 0) or 1: elements an invocation;
// groups = folded_groups(ceil(count / variant / workgroup size)). Bindings: 0 the partial results, 1 the
// result.
#ifndef LEMNOS_SHADER_CONV2D_SUM_H
#define LEMNOS_SHADER_CONV2D_SUM_H
#include "params.h"
PARAMS(Conv2dSumParams)
uint count;       // elements of the result
uint copies;      // partial results
uint accumulate;  // 1: add to what is there, 0: overwrite
PARAMS_END
#endif
