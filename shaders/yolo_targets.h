// Parameters of yolo_targets.comp and yolo_assign.comp.
#ifndef LEMNOS_SHADER_YOLO_TARGETS_H
#define LEMNOS_SHADER_YOLO_TARGETS_H
#include "params.h"
PARAMS(YoloTargetsParams)
    uint images, anchors, truths;
    uint rows, columns;
    float threshold;
    float object, no_object, coordinates, classes;
PARAMS_END
#endif
