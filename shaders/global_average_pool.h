#include "params.h"
PARAMS(GlobalAveragePoolParams)
    uint examples;
    uint channels;
    uint cells; // of one example
    uint run;   // cells that are added before the sum joins the total
PARAMS_END
