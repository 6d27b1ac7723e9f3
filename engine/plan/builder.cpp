#include "plan/builder.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace lemnos {

PlanBuilder::PlanBuilder(const Graph& graph, const Bindings& bindings, const DeviceProfile& profile, DerivingOptions options)
    : graph_(graph), bindings_(bindings), profile_(profile), options_(std::move(options)) {
    for (const auto& [value, view] : bindings) {
        const int64_t bytes = graph.type(value).bytes();
        require(bool(view), "The value ", describe(value.node), " is bound to no memory.");
        require(view.bytes >= bytes, "The value ", describe(value.node), " (", to_string(graph.type(value)), ", ", bytes,
                " bytes) is bound to a range of ", view.bytes, " bytes.");
        require(view.offset >= 0 && view.offset <= view.buffer->bytes() - view.bytes, "The value ", describe(value.node),
                " is bound to ", view.bytes, " bytes at offset ", view.offset, ", which its buffer (",
                view.buffer->bytes(), " bytes) does not hold.");
        require(!view.buffer->mapped(), "The value ", describe(value.node),
                " is bound to a buffer for copies, which shaders cannot use.");
        require(view.offset % profile.storage_alignment == 0, "The value ", describe(value.node),
                " is bound at offset ", view.offset, " (a multiple of ", profile.storage_alignment, " is needed).");
    }
    build();
}

PlanBuilder::PlanBuilder(const Graph& graph, const Bindings& bindings, const DeviceProfile& profile, DerivingOptions options, Dry)
    : graph_(graph), bindings_(bindings), profile_(profile), options_(std::move(options)) {
    build();
}

void PlanBuilder::build() {
    mark_needed();
    find_totals();
    for (int32_t node = 0; node < int32_t(needed_.size()); ++node)
        if (needed_[size_t(node)] && graph_.node(node).op && !emitted_[size_t(node)]) emit(node);
    dispatch_postponed();
    for (const auto& [key, region] : derived_) { // alive from run to run
        regions[size_t(region)].first = 0;
        regions[size_t(region)].last = int32_t(steps.size()) - 1;
    }
}

std::string PlanBuilder::describe(int32_t index) const {
    const Node& node = graph_.node(index);
    return text(node.op ? node.op->name : "tensor", node.name.empty() ? "" : " ", node.name, " (node ", index, ")");
}

DispatchInfo PlanBuilder::dispatch_info(const Step& step, const std::string& plan) const {
    const Node& node = graph_.node(step.node);
    const Kernel& kernel = step.kernel;
    DispatchInfo info;
    info.op = node.op->name;
    info.layer = graph_.layer(step.node);
    info.phase = graph_.first_gradient() < 0 ? plan : step.node < graph_.first_gradient() ? "forward" : "backward";
    info.shader = kernel.shader;
    for (uint32_t constant : kernel.specialisation) info.specialisation += text(info.specialisation.empty() ? "" : " ", constant);
    info.variant = kernel.variant;
    info.refused = kernel.refused;
    info.groups = kernel.groups;
    info.flops = kernel.flops;
    for (const Operand& operand : kernel.operands) info.bytes += double(operand.bytes);
    return info;
}

void PlanBuilder::mark_needed() {
    needed_.assign(graph_.nodes().size(), false);
    for (const auto& [value, view] : bindings_)
        if (graph_.node(value.node).op) needed_[size_t(value.node)] = true;
    for (int32_t index = int32_t(needed_.size()) - 1; index >= 0; --index) {
        if (!needed_[size_t(index)]) continue;
        const Node& node = graph_.node(index);
        if (!node.op)
            require(bindings_.count({index, 0}) != 0, "The ", describe(index), " is used but bound to no memory.");
        for (Value input : node.inputs)
            if (input) {
                needed_[size_t(input.node)] = true;
                readers_[input].push_back(index);
            }
    }
}

// Values that are made for nothing but to be added to a total, which lies in one place before and after and which nothing else
// touches: what makes them may add them itself.
void PlanBuilder::find_totals() {
    emitted_.assign(needed_.size(), false);
    const auto only_reader = [&](Value value) { return readers_.at(value).size() == 1 && !bindings_.count(value); };
    for (int32_t index = 0; index < int32_t(needed_.size()); ++index) {
        const Node& node = graph_.node(index);
        if (!needed_[size_t(index)] || !node.op || !node.op->adds_to_total) continue;
        const auto before = bindings_.find(node.inputs[0]), after = bindings_.find({index, 0});
        if (before == bindings_.end() || after == bindings_.end() || readers_.at(node.inputs[0]).size() != 1) continue;
        if (before->second.buffer != after->second.buffer || before->second.offset != after->second.offset) continue;
        Value addend = node.inputs[1];
        while (only_reader(addend) && graph_.node(addend.node).op && graph_.node(addend.node).op->alias)
            addend = graph_.node(addend.node).inputs[0];
        if (only_reader(addend) && graph_.node(addend.node).op) totals_[addend] = index;
    }
}

// Gives output 0 the memory of the input that the operator may overwrite, where that is a result which nobody reads afterwards:
// neither the host nor a node that follows, nor, under another shape, any.
void PlanBuilder::place_in_input(int32_t index) {
    const Node& node = graph_.node(index);
    if (node.op->in_place < 0 || size_t(node.op->in_place) >= node.inputs.size() || bindings_.count({index, 0})) return;
    const Value input = node.inputs[size_t(node.op->in_place)];
    if (!input || bindings_.count(input) || std::count(node.inputs.begin(), node.inputs.end(), input) != 1) return;
    for (int32_t reader : readers_.at(input))
        if (reader > index || graph_.node(reader).op->alias) return;
    const Node& source = graph_.node(input.node);
    if (!source.op || source.op->alias) return;
    value_regions_[{index, 0}] = region_of(input);
}

int32_t PlanBuilder::add_region(int64_t bytes, std::string name) {
    Region region;
    region.bytes = bytes;
    region.name = std::move(name);
    regions.push_back(std::move(region));
    return int32_t(regions.size()) - 1;
}

int32_t PlanBuilder::region_of(Value value) {
    const auto found = value_regions_.find(value);
    if (found != value_regions_.end()) return found->second;
    const int32_t index = add_region(graph_.type(value).bytes(), describe(value.node));
    if (const auto bound = bindings_.find(value); bound != bindings_.end()) {
        regions.back().bound = true;
        regions.back().view = bound->second;
    }
    return value_regions_[value] = index;
}

// Examples per slice so that no batched operand exceeds what one binding may cover; 0: no slicing is needed.
int64_t PlanBuilder::slice_length(const Node& node) const {
    const int64_t limit = profile_.max_storage_range;
    std::vector<int64_t> example_bytes;
    const int64_t batch = node.outputs[0].rank() > 0 ? node.outputs[0].shape[0] : 0;
    bool over = false, even = true;
    const auto consider = [&](const TensorType& type, bool whole) {
        over |= type.bytes() > limit;
        if (whole || type.rank() == 0) return;
        even &= type.shape[0] == batch;
        example_bytes.push_back(type.bytes() / type.shape[0]);
    };
    for (size_t i = 0; i < node.inputs.size(); ++i)
        if (node.inputs[i])
            consider(graph_.type(node.inputs[i]), node.op->inputs[std::min(i, node.op->inputs.size() - 1)].whole);
    for (size_t i = 0; i < node.outputs.size(); ++i) consider(node.outputs[i], node.op->outputs[i].whole);
    if (!over || !node.op->separable || batch == 0) return 0;
    if (!even) fail(ErrorCode::internal, "Operator ", node.op->name, " cannot be cut: its leading axes differ.");
    int64_t length = batch, step = 1;
    for (int64_t bytes : example_bytes) {
        length = std::min(length, limit / bytes);
        step = std::lcm(step, profile_.storage_alignment / std::gcd(profile_.storage_alignment, bytes));
    }
    return length / step * step;
}

// Casts alone are made of whole words.
void PlanBuilder::require_storage(int32_t index) const {
    if (profile_.storage16) return;
    const Node& node = graph_.node(index);
    for (int i : node.op->half)
        if (size_t(i) < node.inputs.size() && node.inputs[size_t(i)] && graph_.type(node.inputs[size_t(i)]).dtype == DataType::f16)
            fail(ErrorCode::unsupported, "Operator ", describe(index), " reads ", to_string(graph_.type(node.inputs[size_t(i)])),
                 ", which needs 16-bit storage (storageBuffer16BitAccess), and this device has none; cast to f32.");
}

void PlanBuilder::emit(int32_t index) {
    const Node& node = graph_.node(index);
    require_storage(index);
    if (node.op->alias) {
        const int32_t source = region_of(node.inputs[0]);
        const auto bound = bindings_.find({index, 0});
        const BufferView& from = regions[size_t(source)].view;
        const bool in_place = bound != bindings_.end() && from.buffer && from.buffer == bound->second.buffer &&
                              from.offset == bound->second.offset;
        if (bound == bindings_.end() || in_place) {
            value_regions_[{index, 0}] = source;
            return;
        }
        Kernel copy;
        copy.operands = {{source, 0, regions[size_t(source)].bytes, Access::read},
                         {region_of({index, 0}), 0, regions[size_t(source)].bytes, Access::write}};
        add_step(std::move(copy), index);
        return;
    }
    place_in_input(index);
    const int64_t length = slice_length(node);
    if (length == 0) {
        Emitter emitter(*this, index, 0, -1);
        node.op->emit(emitter);
        return;
    }
    const int64_t batch = node.outputs[0].shape[0];
    for (int64_t first = 0; first < batch; first += length) {
        Emitter emitter(*this, index, first, std::min(length, batch - first));
        node.op->emit(emitter);
    }
}

// A leaf that neither this plan nor a copy before it writes.
bool PlanBuilder::is_constant(int32_t index) const {
    const auto named = std::find_if(value_regions_.begin(), value_regions_.end(), [&](const auto& entry) { return entry.second == index; });
    if (named == value_regions_.end() || graph_.node(named->first.node).op) return false;
    if (std::find(options_.fed.begin(), options_.fed.end(), named->first) != options_.fed.end()) return false;
    const BufferView& view = regions[size_t(index)].view;
    return std::none_of(bindings_.begin(), bindings_.end(), [&](const auto& binding) {
        const BufferView& other = binding.second;
        return graph_.node(binding.first.node).op && other.buffer && other.buffer == view.buffer &&
               ranges_meet(other.offset, other.bytes, view.offset, view.bytes);
    });
}

Operand PlanBuilder::derive(const Operand& source, const std::string& name, int64_t bytes, Kernel kernel, int32_t node) {
    const bool kept = options_.keep_derived && is_constant(source.region);
    const auto key = std::tuple(source.region, source.offset, name);
    if (kept)
        if (const auto found = derived_.find(key); found != derived_.end()) return {found->second, 0, bytes, Access::read};
    const int32_t region = add_region(bytes, text(name, " of ", describe(node)));
    kernel.operands.push_back({region, 0, bytes, Access::write});
    if (kept) {
        check(kernel, node);
        preparations.push_back({std::move(kernel), node});
        derived_[key] = region;
        if (std::find(sources.begin(), sources.end(), source.region) == sources.end()) sources.push_back(source.region);
    } else {
        add_step(std::move(kernel), node);
    }
    return {region, 0, bytes, Access::read};
}

// Refuses what this device cannot dispatch.
void PlanBuilder::check(const Kernel& kernel, int32_t node) {
    for (uint32_t extent : kernel.groups)
        if (extent == 0 || extent > profile_.max_group_count)
            fail(ErrorCode::unsupported, "Operator ", describe(node), " needs ", extent, " workgroups in one dimension (1 to ",
                 profile_.max_group_count, ").");
    if (kernel.operands.size() > profile_.max_storage_buffers)
        fail(ErrorCode::unsupported, "Operator ", describe(node), " binds ", kernel.operands.size(), " buffers (",
             profile_.max_storage_buffers, " are allowed).");
    for (const Operand& operand : kernel.operands) {
        const Region& region = regions.at(size_t(operand.region));
        if (!kernel.shader.empty() && operand.bytes > profile_.max_storage_range)
            fail(ErrorCode::unsupported, "Operator ", describe(node), " touches ", operand.bytes, " bytes of ", region.name,
                 " at once, and one binding of this device covers ", profile_.max_storage_range, " bytes; use a smaller batch.");
        if (!kernel.shader.empty() && operand.offset % profile_.storage_alignment != 0)
            fail(ErrorCode::unsupported, "Operator ", describe(node), " would be cut at byte ", operand.offset, " of ",
                 region.name, ", which this device cannot bind (multiples of ", profile_.storage_alignment,
                 "); use a smaller batch.");
        if (operand.offset < 0 || operand.bytes <= 0 || operand.offset + operand.bytes > round_up(region.bytes, binding_granularity))
            fail(ErrorCode::internal, "Operator ", describe(node), " reaches outside ", region.name, ".");
    }
}

// What waits keeps its memory, and leaves the caches.
static constexpr int64_t most_postponed_bytes = int64_t(4) << 20;

bool PlanBuilder::conflict(const Operand& a, const Operand& b) const {
    if (!keep_order(a.access, b.access)) return false;
    const auto meet = [&](int64_t first, int64_t second) { return ranges_meet(first, a.bytes, second, b.bytes); };
    if (a.region == b.region) return meet(a.offset, b.offset);
    const BufferView &first = regions[size_t(a.region)].view, &second = regions[size_t(b.region)].view;
    return first.buffer && first.buffer == second.buffer && meet(first.offset + a.offset, second.offset + b.offset);
}

bool PlanBuilder::touches_postponed(const std::vector<Operand>& operands) const {
    const auto touched = [&](const Operand& waiting) {
        return std::any_of(operands.begin(), operands.end(), [&](const Operand& operand) { return conflict(waiting, operand); });
    };
    return std::any_of(postponed_.begin(), postponed_.end(), [&](const Postponed& work) {
        return std::any_of(work.operands.begin(), work.operands.end(), touched) || (work.shared.region >= 0 && touched(work.shared));
    });
}

void PlanBuilder::postpone(const Joint& joint, Postponed work, int32_t node) {
    const auto same = [](const Operand& a, const Operand& b) { return a.region == b.region && a.offset == b.offset; };
    if (!postponed_.empty() && (joint_ != &joint || !same(postponed_[0].shared, work.shared) || touches_postponed(work.operands)))
        dispatch_postponed();
    joint_ = &joint;
    last_postponed_ = node;
    postponed_.push_back(std::move(work));
    int64_t bytes = 0;
    for (const Postponed& each : postponed_)
        for (const Operand& operand : each.operands) bytes += operand.bytes;
    if (postponed_.size() >= joint.most(profile_) || bytes > most_postponed_bytes) dispatch_postponed();
}

void PlanBuilder::dispatch_postponed() {
    if (postponed_.empty()) return;
    const std::vector<Postponed> works = std::exchange(postponed_, {});
    add_step(joint_->kernel(profile_, works), last_postponed_);
}

void PlanBuilder::add_step(Kernel kernel, int32_t node) {
    if (touches_postponed(kernel.operands)) dispatch_postponed();
    check(kernel, node);
    for (const Operand& operand : kernel.operands) {
        Region& region = regions[size_t(operand.region)];
        if (region.first < 0) region.first = int32_t(steps.size());
        region.last = int32_t(steps.size());
    }
    steps.push_back({std::move(kernel), node});
}

// ---- what operators see ---------------------------------------------------------------------------------------------

const DeviceProfile& Emitter::profile() const { return builder_.profile_; }
const Attributes& Emitter::attributes() const { return builder_.graph_.node(node_).attributes; }
int Emitter::input_count() const { return int(builder_.graph_.node(node_).inputs.size()); }

bool Emitter::has_input(int i) const { return i < input_count() && builder_.graph_.node(node_).inputs[size_t(i)]; }

static TensorType sliced(TensorType type, bool whole, int64_t count) {
    if (count >= 0 && !whole && type.rank() > 0) type.shape[0] = count;
    return type;
}

static bool is_whole(const Operator& op, int i) { return op.inputs[std::min(size_t(i), op.inputs.size() - 1)].whole; }

TensorType Emitter::input_type(int i) const {
    const Node& node = builder_.graph_.node(node_);
    return sliced(builder_.graph_.type(node.inputs.at(size_t(i))), is_whole(*node.op, i), count_);
}

TensorType Emitter::output_type(int i) const {
    const Node& node = builder_.graph_.node(node_);
    return sliced(node.outputs.at(size_t(i)), node.op->outputs[size_t(i)].whole, count_);
}

Operand Emitter::input(int i) const {
    const Node& node = builder_.graph_.node(node_);
    const TensorType type = input_type(i);
    const bool cut = count_ >= 0 && !is_whole(*node.op, i) && type.rank() > 0;
    const int64_t offset = cut ? type.bytes() / type.shape[0] * first_ : 0;
    return {builder_.region_of(node.inputs[size_t(i)]), offset, type.bytes(), Access::read};
}

Operand Emitter::output(int i) const {
    const Node& node = builder_.graph_.node(node_);
    const TensorType type = output_type(i);
    const bool cut = count_ >= 0 && !node.op->outputs[size_t(i)].whole && type.rank() > 0;
    const int64_t offset = cut ? type.bytes() / type.shape[0] * first_ : 0;
    return {builder_.region_of({node_, i}), offset, type.bytes(), Access::write};
}

Operand Emitter::workspace(int64_t bytes) {
    return {builder_.add_region(bytes, text("workspace of ", builder_.describe(node_))), 0, bytes, Access::read_write};
}

Operand Emitter::derive(const Operand& source, const std::string& name, int64_t bytes, Kernel kernel) {
    return builder_.derive(source, name, bytes, std::move(kernel), node_);
}

std::optional<Emitter::Total> Emitter::total(int i) {
    const auto found = builder_.totals_.find({node_, i});
    if (found == builder_.totals_.end()) return {};
    const Node& accumulate = builder_.graph_.node(found->second);
    builder_.emitted_[size_t(found->second)] = true;
    return Total{{builder_.region_of({found->second, 0}), 0, output_type(i).bytes(), Access::read_write},
                 {builder_.region_of(accumulate.inputs[2]), 0, 4, Access::read}};
}

// The first operand that is bound anyway: whatever it is, the specialised shader never touches it.
Operand Emitter::none() const {
    Operand operand = input_count() > 0 ? input(0) : output(0);
    operand.bytes = std::min<int64_t>(operand.bytes, 16);
    operand.access = Access::read;
    return operand;
}

int64_t Emitter::batch_step(int64_t batch, std::initializer_list<int64_t> example_bytes) const {
    int64_t length = batch, step = 1;
    for (int64_t bytes : example_bytes) {
        length = std::min(length, profile().max_storage_range / bytes);
        step = std::lcm(step, profile().storage_alignment / std::gcd(profile().storage_alignment, bytes));
    }
    return length >= batch ? batch : std::max<int64_t>(1, length / step * step);
}

void Emitter::dispatch(Kernel kernel) {
    kernel.variant = variant_;
    kernel.refused = refused_;
    builder_.add_step(std::move(kernel), node_);
}

void Emitter::postpone(const Joint& joint, Postponed work) { builder_.postpone(joint, std::move(work), node_); }

void Emitter::note_kernel(const std::string& problem, const KernelChoice& choice) {
    KernelUse& use = builder_.kernels[problem];
    use.choice = choice;
    ++use.times;
}

std::array<uint32_t, 3> linear_groups(const DeviceProfile& profile, int64_t items, uint32_t size) {
    const int64_t groups = divide_up(items, size), limit = profile.max_group_count;
    if (groups <= limit) return {uint32_t(std::max<int64_t>(groups, 1)), 1, 1};
    const int64_t rows = divide_up(groups, limit);
    return {uint32_t(divide_up(groups, rows)), uint32_t(rows), 1};
}

} // namespace lemnos
