// The update of parameters from the gradients of a batch, recorded once and replayed: the norm of the gradient, the
// decision whether the step is made (a gradient that is not finite changes nothing), clipping, the optimizer's fused step,
// Lookahead, the moving average of the weights, and the running statistics.
//
// Nothing waits: with loss scaling the device itself skips a step and chooses the scalars that belong to the number of
// steps taken; the host hears of it a few steps later.
#pragma once

#include "plan/replay.h"
#include "shaders/update_control.h"
#include "train/chunks.h"
#include "train/optimizer.h"

#include <functional>
#include <optional>

namespace lemnos {

struct UpdateOptions {
    double clip_norm = 0, clip_value = 0; // the largest norm of the whole gradient, and of one element; 0: any
    bool loss_scaling = false;            // dynamic: halved when a step is skipped, doubled after `loss_scale_interval`
    double loss_scale = 65536;            // steps without
    int64_t loss_scale_interval = 2000;
    double average = 0; // the decay of a moving average of the weights; 0: none
};

struct UpdateReport {
    int64_t step = 0;         // counted from 0, skipped ones too
    bool skipped = false;
    double gradient_norm = 0; // before clipping
    double loss_scale = 1;    // of this step
    int64_t skipped_steps = 0;
};

// Running means and variances, and those of the batch that are merged into them.
struct StatisticsUpdate {
    BufferView running_mean, running_variance, mean, variance;
    BufferView cells;      // one number a block: of an example in that layer; 0: its statistics stay as they are
    bool unbiased = false; // means and unbiased variances are averaged on their own, as PyTorch does
};
// A batch in the running statistics.
struct StatisticsShare {
    double share = 0;
    int64_t examples = 0;
};

class ParameterUpdate {
  public:
    ParameterUpdate(const ParameterUpdate&) = delete;
    ParameterUpdate& operator=(const ParameterUpdate&) = delete;
    // `policies`: one a segment. `on_report` hears of every step, in order, in submit() and collect().
    ParameterUpdate(Arena parameters, Arena gradients, Optimizer optimizer, const std::vector<SegmentPolicy>& policies,
                    const UpdateOptions& options, std::optional<StatisticsUpdate> statistics = {},
                    std::function<void(const UpdateReport&)> on_report = {});

    // Submits the update, and before it the run that completes the gradient. Throws invalid_state, and submits nothing, when an
    // earlier step's gradient was not finite and the loss is not scaled.
    void submit(int64_t step, double rate, StatisticsShare statistics = {}, const Replay::Run& gradient = {});
    void collect(bool wait);

    const Optimizer& optimizer() const { return optimizer_; }
    const Plan& plan() const { return replay_->plan(); }
    const ArenaChunks& chunks() const { return chunks_; }
    // Optimizer states, Lookahead's slow weights, the average: everything that a checkpoint keeps besides parameters.
    const std::vector<std::pair<std::string, Arena>>& arenas() const { return arenas_; }
    const Arena* average() const { return average_; }
    // One number in device memory: what the loss's gradient is to be multiplied by.
    BufferView loss_scale() const { return {state_, 0, 4}; }
    std::array<float, CONTROL_STATE> control_state() const;
    void set_control_state(const std::array<float, CONTROL_STATE>& state);

  private:
    struct Pending {
        int64_t step = 0;
        double rate = 0;
        bool waiting = false;
    };
    void compile(const std::optional<StatisticsUpdate>& statistics);
    void take(int slot);

    Arena parameters_, gradients_;
    Optimizer optimizer_;
    UpdateOptions options_;
    ArenaChunks chunks_;
    std::vector<std::pair<std::string, Arena>> arenas_;
    const Arena *lookahead_ = nullptr, *average_ = nullptr;
    std::shared_ptr<Buffer> state_;
    struct {
        Value settings, rows, report, examples; // examples: where variances are unbiased
    } values_;
    std::unique_ptr<Replay> replay_;
    std::vector<Pending> pending_; // by slot
    int64_t known_skips_ = 0;
    std::function<void(const UpdateReport&)> on_report_;
};

} // namespace lemnos
