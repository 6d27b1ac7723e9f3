// The decision about an update, by one workgroup.
#include "params.h"
PARAMS(UpdateControlParams)
    uint partials; // of gradient_norm
    uint rows;     // of scalars
PARAMS_END

// Indices into the settings of a step.
#define CONTROL_LARGEST_NORM 0  // gradients are scaled down to it; 0: never
#define CONTROL_NORM_EPSILON 1  // added to the norm when they are
#define CONTROL_KNOWN_SKIPS 2   // skipped steps that the host's rows of scalars already account for
#define CONTROL_INTERVAL 3      // steps after which the loss scale doubles; 0: it never changes
#define CONTROL_SHARE 4         // of the batch in the running statistics
#define CONTROL_SETTINGS 8
// Indices into the state that lives from step to step.
#define CONTROL_SCALE 0         // of the loss
#define CONTROL_GOOD_STEPS 1    // since the scale changed
#define CONTROL_SKIPPED 2       // steps in all
#define CONTROL_STATE 4
// Indices into the report.
#define REPORT_NORM 0           // of the batch's gradient, before clipping
#define REPORT_SKIPPED 1        // 1: this step was skipped
#define REPORT_PARTIAL 2        // the first partial sum that is not finite, where it was skipped
#define REPORT_SCALE 3          // of the loss in this step
#define REPORT_ALL_SKIPPED 4    // steps so far
#define CONTROL_REPORT 8
