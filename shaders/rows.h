#ifndef LEMNOS_SHADER_ROWS_H
#define LEMNOS_SHADER_ROWS_H
#include "params.h"
// A matrix whose rows are looked at one by one; see rows.glsl.
PARAMS(RowsParams)
    uint rows, columns;
    uint first;     // where the matrices begin in their bindings
    uint row_first; // where what has one number a row begins
    uint narrow_first; // where a matrix of one column less begins
    float smoothing;
    float factor;
    float alpha, gamma; // of focal losses
    float beta;         // of smooth L1 losses
    float epsilon;
PARAMS_END
#endif
