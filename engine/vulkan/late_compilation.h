// Some drivers compile a pipeline when it is dispatched for the first time, on the one thread that runs the queue (Mesa's
// lavapipe does): what a first start needs would be compiled one after the other. Here processors share it: each opens a device
// of its own and dispatches pipelines over no workgroups. What they compile reaches this device by the driver's cache on disk;
// where that is switched off the work of the others is lost, and nothing else.
#pragma once

#include "vulkan/pipeline.h"

#include <span>

namespace lemnos {

// Of a driver whose devices share what they compiled.
bool compiles_late(VkDriverId driver);

// Lets the driver compile these pipelines of the device, the largest first. What fails here will fail again, and be reported, where it is used.
void compile_late(Device& device, std::span<const PipelineKey> keys) noexcept;

} // namespace lemnos
