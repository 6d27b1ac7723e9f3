#include "params.h"
PARAMS(ArithmeticParams)
    uint count;
    uint period; // elements of b
    uint phase;  // of b, that the first element meets
PARAMS_END
