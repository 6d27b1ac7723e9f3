#ifndef LEMNOS_SHADER_YOLO_TARGETS_H
#define LEMNOS_SHADER_YOLO_TARGETS_H
#include "params.h"
// What yolo_assign.comp finds out lies in one list: of every image the number of its boxes, their indices,
// the anchor of each of these, and then of every anchor its box.
PARAMS(YoloTargetsParams)
    uint images, anchors;
    uint truths;      // rows of an image, padding among them
    uint list_stride; // 1 + 2 truths + anchors
    uint rows, columns, priors;
    float threshold, object, no_object, coordinates, classes;
PARAMS_END
#endif
