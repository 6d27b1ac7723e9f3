// The convolutions of a model's plans, without the plans: what the tuner is asked to tune.
#pragma once

#include "models/model.h"
#include "plan/builder.h"

namespace lemnos {

// Of a predictor for so many images, or of a training in micro-batches of so many, which has its backward passes.
KernelUses kernel_uses(const Model& model, int64_t batch, bool training, Precision precision);

} // namespace lemnos
