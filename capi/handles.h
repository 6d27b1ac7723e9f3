// What the handles of lemnos.h point to: a reference count and the engine's object.
#pragma once

#include "data/dataset.h"
#include "models/model.h"
#include "plan/plan.h"
#include "train/evaluation.h"
#include "train/predictor.h"
#include "train/trainer.h"

#include <lemnos/lemnos.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>

namespace lemnos::capi {

struct Counted {
    std::atomic<int32_t> references{1};
};

// One for each open device, shared by everything on it. Calls that touch the device hold the gate shared and
// close holds it alone, so that no call, and no release on another thread, meets a device that goes away
// underneath it. What comes after close has begun is turned away, or threads that call one after the other would
// keep close out for ever.
struct Gate : std::shared_mutex {
    std::atomic<bool> closing{false};
};

struct OnDevice : Counted {
    explicit OnDevice(const OnDevice& parent) : device(parent.device), gate(parent.gate) {}
    explicit OnDevice(std::shared_ptr<Device> opened)
        : device(std::move(opened)), gate(std::make_shared<Gate>()) {}

    std::shared_ptr<Device> device;
    std::shared_ptr<Gate> gate;
};

template <typename Handle>
void retain(Handle* handle) noexcept {
    if (handle) handle->references.fetch_add(1, std::memory_order_relaxed);
}

template <typename Handle>
void release(Handle* handle) noexcept {
    if (!handle || handle->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if constexpr (std::is_base_of_v<OnDevice, Handle>) {
        const std::shared_ptr<Gate> gate = handle->gate; // outlives the handle
        const std::shared_lock lock(*gate);
        delete handle;
    } else {
        delete handle;
    }
}

} // namespace lemnos::capi

struct lem_text {
    std::string characters;
};

struct lem_device : lemnos::capi::OnDevice {
    using OnDevice::OnDevice;
};

struct lem_tensor : lemnos::capi::OnDevice {
    lem_tensor(const OnDevice& parent, lemnos::TensorType tensor_type, lemnos::BufferView memory)
        : OnDevice(parent), type(std::move(tensor_type)), view(std::move(memory)) {}

    const lemnos::TensorType type;
    const lemnos::BufferView view;
};

struct lem_graph {
    lemnos::Graph graph;
};

struct lem_plan : lemnos::capi::OnDevice {
    lem_plan(const OnDevice& parent, std::shared_ptr<lemnos::Plan> compiled)
        : OnDevice(parent), plan(std::move(compiled)) {}

    const std::shared_ptr<lemnos::Plan> plan;
    std::mutex submission; // a plan of several slices is submitted as a whole
};

struct lem_model : lemnos::capi::OnDevice {
    lem_model(const OnDevice& parent, std::shared_ptr<lemnos::Model> network)
        : OnDevice(parent), model(std::move(network)) {}

    const std::shared_ptr<lemnos::Model> model;
};

struct lem_dataset : lemnos::capi::Counted {
    explicit lem_dataset(std::shared_ptr<const lemnos::Dataset> opened) : dataset(std::move(opened)) {}

    const std::shared_ptr<const lemnos::Dataset> dataset;
};

struct lem_optimizer : lemnos::capi::Counted {
    explicit lem_optimizer(lemnos::Optimizer rule) : optimizer(std::move(rule)) {}

    const lemnos::Optimizer optimizer;
};

struct lem_schedule : lemnos::capi::Counted {
    explicit lem_schedule(lemnos::Schedule rule) : schedule(std::move(rule)) {}

    const lemnos::Schedule schedule;
};

struct lem_trainer : lemnos::capi::OnDevice {
    lem_trainer(const OnDevice& parent, std::unique_ptr<lemnos::Trainer> made)
        : OnDevice(parent), trainer(std::move(made)) {}

    const std::unique_ptr<lemnos::Trainer> trainer;
};

struct lem_predictor : lemnos::capi::OnDevice {
    lem_predictor(const OnDevice& parent, std::unique_ptr<lemnos::Predictor> made)
        : OnDevice(parent), predictor(std::move(made)) {}

    const std::unique_ptr<lemnos::Predictor> predictor;
};
