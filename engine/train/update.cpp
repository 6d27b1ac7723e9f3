#include "train/update.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace lemnos {

// So many steps are in flight, hence so many skips may be unknown to the host when it writes the rows of scalars.
static constexpr int slots = 3;
static constexpr double smallest_loss_scale = 0x1p-24;

ParameterUpdate::ParameterUpdate(Arena parameters, Arena gradients, Optimizer optimizer,
                                 const std::vector<SegmentPolicy>& policies, const UpdateOptions& options,
                                 std::optional<StatisticsUpdate> statistics,
                                 std::function<void(const UpdateReport&)> on_report)
    : parameters_(std::move(parameters)), gradients_(std::move(gradients)), optimizer_(std::move(optimizer)),
      options_(options), chunks_(parameters_.buffer->device(), parameters_.layout, policies, optimizer_.weight_decay()),
      on_report_(std::move(on_report)) {
    const std::shared_ptr<Device>& device = parameters_.buffer->device();
    const auto add = [&](const std::string& name) {
        arenas_.emplace_back(name, Arena(device, parameters_.layout, name.c_str()));
    };
    for (const OptimizerState& state : optimizer_.states()) {
        add(state.name);
        if (state.initial != 0)
            device->fill(*arenas_.back().second.buffer, 0, parameters_.layout->bytes(), std::bit_cast<uint32_t>(state.initial));
    }
    if (optimizer_.lookahead() > 0) add("lookahead");
    if (options_.average > 0) add("average");
    // No address changes from here on.
    for (const auto& [name, arena] : arenas_) {
        if (name == "lookahead") lookahead_ = &arena;
        if (name == "average") average_ = &arena;
    }
    state_ = Buffer::create(device, BufferKind::device, CONTROL_STATE * 4, "loss scale");
    set_control_state({options_.loss_scaling ? float(options_.loss_scale) : 1.0f});
    compile(statistics);
    pending_.resize(size_t(replay_->slots()));
}

static TensorType floats(Shape shape) { return {DataType::f32, std::move(shape)}; }

void ParameterUpdate::compile(const std::optional<StatisticsUpdate>& statistics) {
    Graph graph;
    Bindings bindings;
    const TensorType arena = parameters_.layout->type();
    const auto bound = [&](const std::string& name, TensorType type, const BufferView& view) {
        const Value value = graph.input(name, std::move(type));
        bindings[value] = view;
        return value;
    };
    // Results lie in the memory of the inputs that they replace.
    const auto in_place = [&](Value result, Value input) {
        bindings[result] = bindings[input];
        return result;
    };
    Value parameters = bound("parameters", arena, parameters_.whole());
    const Value gradients = bound("gradients", arena, gradients_.whole());
    const Value chunks = bound("chunks", chunks_.chunk_type(), chunks_.chunk_table());
    const Value state = bound("loss scale", floats({CONTROL_STATE}), {state_, 0, CONTROL_STATE * 4});
    values_.settings = graph.input("settings", floats({CONTROL_SETTINGS}));
    values_.rows = graph.input("rows", floats({options_.loss_scaling ? slots + 1 : 1, OPTIMIZER_SCALARS}));

    const Attributes passes{{"windows", chunks_.windows()}, {"lanes", chunks_.lanes()}};
    const Value partials = graph.add("gradient_norm", {gradients, chunks}, passes);
    const Value scalars = graph.add("update_control", {partials, values_.settings, values_.rows, state});
    const Value share{scalars.node, 2};
    values_.report = {scalars.node, 1};
    in_place({scalars.node, 3}, state);

    Attributes rule{{"algorithm", int64_t(optimizer_.rule().algorithm)},
                    {"flags", int64_t(optimizer_.flags() | (options_.clip_value > 0 ? OPTIMIZER_LIMITED : 0) |
                                      (chunks_.has_targets() ? OPTIMIZER_TARGETS : 0))}};
    const Attributes rule_alone = rule;
    for (const auto& [name, value] : passes.all()) rule.set(name, value);
    std::vector<Value> inputs{parameters, gradients, chunks, scalars};
    const size_t states = optimizer_.states().size();
    for (size_t i = 0; i < states; ++i) inputs.push_back(bound(arenas_[i].first, arena, arenas_[i].second.whole()));
    const auto update_states = [&](Value node) {
        for (size_t i = 0; i < states; ++i) inputs[4 + i] = in_place({node.node, int(i) + 1}, inputs[4 + i]);
    };
    if (optimizer_.layerwise()) {
        const Value norms = graph.add("optimizer_norms", inputs, rule);
        update_states(norms);
        const Value segments = bound("segments", chunks_.segment_type(), chunks_.segment_table());
        inputs.resize(7);
        inputs.push_back(graph.add("trust_ratios", {norms, segments, scalars}, rule_alone));
    }
    const Value stepped = graph.add("optimizer_step", inputs, rule);
    parameters = in_place(stepped, parameters);
    update_states(stepped);

    const auto blend = [&](const char* name, const Arena& average, int64_t scalar, bool write_back) {
        const Value before = bound(name, arena, average.whole());
        const Value node = graph.add("blend", {before, parameters, scalars}, {{"scalar", scalar}, {"write_back", int64_t(write_back)}});
        in_place(node, before);
        if (write_back) parameters = in_place({node.node, 1}, parameters);
    };
    if (lookahead_) blend("lookahead", *lookahead_, OPTIMIZER_LOOKAHEAD, true);
    if (average_) blend("average", *average_, OPTIMIZER_AVERAGE, false);

    std::vector<Value> feeds{values_.settings, values_.rows};
    if (statistics) {
        const TensorType type = floats({statistics->mean.bytes / ArenaLayout::alignment, ArenaLayout::block});
        const Value mean = bound("running means", type, statistics->running_mean);
        const Value variance = bound("running variances", type, statistics->running_variance);
        if (statistics->unbiased) feeds.push_back(values_.examples = graph.input("examples", floats({1})));
        const Value merged = graph.add("merge_moments",
                                       {mean, variance, bound("batch means", type, statistics->mean),
                                        bound("batch variances", type, statistics->variance), share,
                                        bound("cells", floats({type.shape[0]}), statistics->cells), values_.examples});
        in_place(merged, mean);
        in_place({merged.node, 1}, variance);
    }
    replay_ = Replay::compile(parameters_.buffer->device(), graph, bindings, feeds, {values_.report},
                               // compiled with the plan of the gradients, which follows
                               {.slots = slots, .plan = {.name = "update", .compiles = false}});
}

void ParameterUpdate::submit(int64_t step, double rate, StatisticsShare statistics, const Replay::Run& gradient) {
    const int slot = replay_->begin();
    take(slot);
    float* settings = replay_->feed<float>(slot, values_.settings);
    const double own = optimizer_.clip_norm(); // LAMB's, which adds nothing to the norm; clipping as PyTorch's adds 1e-6
    const bool clips = options_.clip_norm > 0 && !(own > 0 && own <= options_.clip_norm);
    settings[CONTROL_LARGEST_NORM] = float(clips ? options_.clip_norm : own);
    settings[CONTROL_NORM_EPSILON] = clips ? 1e-6f : 0.0f;
    settings[CONTROL_KNOWN_SKIPS] = float(known_skips_);
    settings[CONTROL_INTERVAL] = options_.loss_scaling ? float(options_.loss_scale_interval) : 0.0f;
    settings[CONTROL_SHARE] = float(statistics.share);
    if (values_.examples) *replay_->feed<float>(slot, values_.examples) = float(statistics.examples);

    float* rows = replay_->feed<float>(slot, values_.rows);
    for (int64_t skips = known_skips_; skips <= known_skips_ + (options_.loss_scaling ? slots : 0); ++skips) {
        const int64_t taken = std::max<int64_t>(step - skips, 0) + 1;
        OptimizerScalars scalars = optimizer_.scalars(taken, rate);
        scalars[OPTIMIZER_LIMIT] = float(options_.clip_value);
        // The average of few steps is that of these steps, not of the first weights: its decay rises to what was asked.
        scalars[OPTIMIZER_AVERAGE] = float(1 - std::min(options_.average, double(taken - 1) / double(taken + 9)));
        rows = std::copy(scalars.begin(), scalars.end(), rows);
    }
    replay_->submit(gradient, slot);
    pending_[size_t(slot)] = {step, rate, true};
}

// Takes in what a finished slot reports.
void ParameterUpdate::take(int slot) {
    Pending& pending = pending_[size_t(slot)];
    if (!pending.waiting) return;
    pending.waiting = false;
    const float* report = replay_->fetched<float>(slot, values_.report);
    const bool skipped = report[REPORT_SKIPPED] != 0;
    const std::string* segment = skipped ? &chunks_.segment_of_partial(int64_t(report[REPORT_PARTIAL])) : nullptr;
    if (skipped && !options_.loss_scaling)
        fail(ErrorCode::invalid_state, "A gradient of step ", pending.step, " is not finite, first that of ", *segment,
             ": the training diverged, and the step was not made; a lower learning rate may help (it is ", pending.rate, ").");
    if (skipped && report[REPORT_SCALE] <= smallest_loss_scale)
        fail(ErrorCode::invalid_state, "A gradient of step ", pending.step, " is not finite, first that of ", *segment,
             ", even with a loss scale of ", report[REPORT_SCALE], ": the training diverged; a lower learning rate may help (it is ",
             pending.rate, ").");
    known_skips_ = int64_t(report[REPORT_ALL_SKIPPED]);
    if (on_report_) on_report_({pending.step, skipped, report[REPORT_NORM], report[REPORT_SCALE], known_skips_});
}

void ParameterUpdate::collect(bool wait) {
    replay_->collect(wait, [&](int slot) { return pending_[size_t(slot)].waiting; }, [&](int slot) { take(slot); });
}

std::array<float, CONTROL_STATE> ParameterUpdate::control_state() const {
    std::array<float, CONTROL_STATE> state{};
    parameters_.buffer->device()->read(*state_, 0, state.data(), int64_t(sizeof state));
    return state;
}

void ParameterUpdate::set_control_state(const std::array<float, CONTROL_STATE>& state) {
    parameters_.buffer->device()->write(*state_, 0, state.data(), int64_t(sizeof state));
    known_skips_ = int64_t(state[CONTROL_SKIPPED]);
    for (Pending& pending : pending_) pending.waiting = false;
}

} // namespace lemnos
