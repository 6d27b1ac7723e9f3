// Push constants and dispatch of conv2d_sum.comp. Variant 8 (count % 8 == 0) or 1: elements an invocation;
// groups = folded_groups(ceil(count / variant / workgroup size)). Bindings: 0 the partial results, 1 the
// result, 2 keep (with SUM_ADDS_KEPT).
#ifndef LEMNOS_SHADER_CONV2D_SUM_H
#define LEMNOS_SHADER_CONV2D_SUM_H
#include "params.h"
PARAMS(Conv2dSumParams)
uint count;       // elements of the result
uint copies;      // partial results
uint adds;        // to what is there: one of these
PARAMS_END
#define SUM_REPLACES 0
#define SUM_ADDS 1
#define SUM_ADDS_KEPT 2  // where keep is not 0
#endif
