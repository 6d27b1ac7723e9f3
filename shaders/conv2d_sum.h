// Push constants and dispatch of conv2d_sum.comp. Operands: 0 keep (with SUM_ADDS_KEPT), 1 + 2j the partial results of sum j,
// 2 + 2j its result. The groups of sum j begin with first_group[j], ceil(count / workgroup size) of them, JOINED
// ceil(count / 8 / workgroup size); folded_groups(all). Not JOINED: one sum.
#ifndef LEMNOS_SHADER_CONV2D_SUM_H
#define LEMNOS_SHADER_CONV2D_SUM_H
#include "params.h"
#define SUM_REPLACES 0
#define SUM_ADDS 1       // to what is there
#define SUM_ADDS_KEPT 2  // where keep is not 0
#define MOST_SUMS 7
PARAMS(Conv2dSumParams)
uint sums;                    // of this dispatch
uint count[MOST_SUMS];        // elements of the result
uint copies[MOST_SUMS];       // partial results
uint adds[MOST_SUMS];         // one of those above
uint first_group[MOST_SUMS];
uint ask;                     // 1: a CPU
uint never;                   // 0
PARAMS_END
#endif
