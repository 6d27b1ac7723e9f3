// The check of a kernel before its first use on a device: drivers announce what they then compute wrongly, or cannot compile. It
// computes a small problem of the same kind as the one that asked for it and compares every number with double precision. Who
// fails is said in the log and in the device's JSON, and others of the menu take its place. Each way to cut the work is checked,
// for it has pipelines of its own; one that fails takes its whole row with it. It is done once for a device, driver and set of
// shaders: what was found is kept on disk, so that a later start pays nothing.
#pragma once

#include "ops/convolution_menu.h"
#include "plan/builder.h"

namespace lemnos {

// Checks those among `uses` that never were, and notes in `choices` what it found; true where one is rejected, so that what
// chose it must choose anew.
bool reject_wrong_kernels(const std::shared_ptr<Device>& device, KernelChoices& choices, const KernelUses& uses);

// Empty where the kernel computes a small problem of this kind, else a sentence that says what is wrong. Nothing where no
// problem is small enough, or memory is short: then it is not checked.
std::optional<std::string> fault_of_kernel(const std::shared_ptr<Device>& device, const ConvolutionKernel& kernel,
                                           const ConvolutionProblem& problem, KernelTile tile);

} // namespace lemnos
