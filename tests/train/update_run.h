// A parameter arena of given tensors and its update, driven step by step with gradients from the test.
#pragma once

#include "ops/harness.h"
#include "train/update.h"

namespace lemnos::test {

class UpdateRun {
  public:
    // One segment a length, named "0", "1", …
    UpdateRun(const std::vector<int64_t>& lengths, Optimizer optimizer, UpdateOptions options = {},
              std::vector<SegmentPolicy> policies = {}, std::shared_ptr<Device> on = device())
        : layout_(layout_of(lengths)), parameters_(on, layout_, "parameters"), gradients_(on, layout_, "gradients"),
          optimizer_(std::move(optimizer)) {
        policies.resize(lengths.size());
        update_ = std::make_unique<ParameterUpdate>(parameters_, gradients_, optimizer_, policies, options,
                                                    std::optional<StatisticsUpdate>{},
                                                    [this](const UpdateReport& report) { reports.push_back(report); });
    }

    // All tensors one after the other, without the padding between them.
    std::vector<double> read(const Arena& arena) const {
        const std::vector<float> all = arena.read();
        std::vector<double> values;
        for (const Segment& segment : layout_->segments())
            values.insert(values.end(), all.begin() + segment.offset / 4, all.begin() + segment.offset / 4 + segment.elements);
        return values;
    }
    void write(const Arena& arena, const std::vector<double>& values) const {
        std::vector<float> all(size_t(layout_->bytes() / 4));
        auto from = values.begin();
        for (const Segment& segment : layout_->segments())
            for (int64_t i = 0; i < segment.elements; ++i) all[size_t(segment.offset / 4 + i)] = float(*from++);
        arena.write(all);
    }
    std::vector<double> parameters() const { return read(parameters_); }
    void set_parameters(const std::vector<double>& values) const { write(parameters_, values); }
    const Arena& state(size_t i) const { return update_->arenas()[i].second; }
    size_t states() const { return update_->arenas().size(); }
    void step(const std::vector<double>& gradients, double rate) {
        write(gradients_, gradients);
        update_->submit(steps_++, rate);
    }
    void step(const std::vector<double>& gradients) { step(gradients, optimizer_.rate()); }
    void set_steps(int64_t taken) { steps_ = taken; }
    // Everything between the segments is zero, as norms need it.
    bool padding_is_zero() const {
        std::vector<float> all = parameters_.read();
        for (const Segment& segment : layout_->segments())
            std::fill_n(all.begin() + segment.offset / 4, segment.elements, 0.0f);
        return std::all_of(all.begin(), all.end(), [](float value) { return value == 0; });
    }
    ParameterUpdate& update() { return *update_; }

    std::vector<UpdateReport> reports;

  private:
    static std::shared_ptr<const ArenaLayout> layout_of(const std::vector<int64_t>& lengths) {
        Graph graph;
        std::vector<Value> leaves;
        for (size_t i = 0; i < lengths.size(); ++i) leaves.push_back(graph.parameter(text(i), {lengths[i]}, {}));
        return std::make_shared<ArenaLayout>(graph, leaves);
    }

    std::shared_ptr<const ArenaLayout> layout_;
    Arena parameters_, gradients_;
    Optimizer optimizer_;
    std::unique_ptr<ParameterUpdate> update_;
    int64_t steps_ = 0;
};

} // namespace lemnos::test
