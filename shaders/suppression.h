// Parameters of suppress_class.comp and merge_classes.comp.
#ifndef LEMNOS_SHADER_SUPPRESSION_H
#define LEMNOS_SHADER_SUPPRESSION_H
#include "params.h"
PARAMS(SuppressionParams)
    uint first_image, images; // of this dispatch
    uint anchors, classes;
    uint per_class, limit;
    float score_threshold, iou_threshold;
PARAMS_END
#endif
