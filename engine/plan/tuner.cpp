#include "plan/tuner.h"

#include "plan/lone_convolution.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace lemnos {

static constexpr int most_rounds = 11, least_rounds = 5;
static constexpr double patience = 1.0; // seconds for the rounds of one problem, beyond the least
static constexpr double hopeless = 1.5; // a candidate so much slower than the fastest drops out
static constexpr double least_noise = 0.02;

namespace {

struct Contender {
    TunedCandidate candidate;
    std::shared_ptr<Plan> plan;
    std::vector<double> times;
    bool is_default = false;

    double fastest() const { return *std::min_element(times.begin(), times.end()); }
};

double median(std::vector<double> numbers) {
    std::nth_element(numbers.begin(), numbers.begin() + ptrdiff_t(numbers.size() / 2), numbers.end());
    return numbers[numbers.size() / 2];
}

// The median distance from the median, as a part of it.
double spread(const std::vector<double>& times) {
    const double middle = median(times);
    std::vector<double> distances;
    for (double time : times) distances.push_back(std::abs(time - middle));
    return median(distances) / middle;
}

double seconds_of_run(Plan& plan, bool timestamps) {
    const auto start = std::chrono::steady_clock::now();
    plan.device()->wait(plan.run());
    if (!timestamps) return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    double seconds = 0;
    for (const DispatchTime& time : plan.times()) seconds += time.seconds;
    return seconds;
}

// What is taken without decisions, but with the user's rules and without kernels that are wrong.
KernelChoice default_choice(const DeviceProfile& profile, const ConvolutionProblem& problem) {
    DeviceProfile undecided = profile;
    undecided.kernels = std::make_shared<KernelChoices>(*profile.kernels);
    undecided.kernels->replace_decisions({});
    return choose_convolution(undecided, problem).choice();
}

// Everything that could compute it, the default first.
std::vector<Contender> contenders_for(const DeviceProfile& profile, const ConvolutionProblem& problem) {
    const KernelChoices& choices = *profile.kernels;
    std::vector<Contender> contenders(1);
    contenders[0].candidate.choice = default_choice(profile, problem);
    contenders[0].is_default = true;
    const auto add = [&](const ConvolutionKernel& row) {
        if (!computes(profile, row, problem) || choices.denies(row.name) || choices.rejected(name_of_check(row.name, problem))) return;
        for (KernelTile tile : tiles_of(profile, row, problem)) {
            Contender contender;
            contender.candidate.choice = {row.name, tile.columns, tile.rows};
            if (contender.candidate.choice != contenders[0].candidate.choice) contenders.push_back(std::move(contender));
        }
    };
    for (const ConvolutionKernel* row : choices.offered()) add(*row);
    for (const ConvolutionKernel& row : all_convolution_kernels()) add(row);
    return contenders;
}

// Compiles it and holds its result against the trusted one.
void admit(Contender& contender, const LoneConvolution& convolution, const KernelChoices& choices, const std::vector<double>& expected,
           bool timestamps) {
    try {
        contender.plan = convolution.compile(contender.candidate.choice, choices.offered(), timestamps);
        contender.candidate.refused = convolution.difference(convolution.run(*contender.plan), expected);
    } catch (const Error& error) {
        if (error.code() == ErrorCode::device_lost || error.code() == ErrorCode::device_closed) throw;
        contender.candidate.refused = error.what();
    }
    if (!contender.candidate.refused.empty()) contender.plan.reset();
}

// A network that comes back to a layer has used much else since, so that the filter lies no longer in the caches next to a
// processor. A lone convolution that is repeated would find it there, and what is fastest so is not what is fastest in a network
// (Mesa 25.0.7 on an AMD EPYC: MobileNetV2, single images, became 4 to 8 per cent slower by such choices). So on a CPU other
// memory is written before each run.
class OtherMemory {
  public:
    explicit OtherMemory(const std::shared_ptr<Device>& device) {
        const DeviceProfile& profile = device->profile();
        if (!profile.is_cpu) return;
        const int64_t bytes = std::min<int64_t>(16 << 20, profile.max_storage_range / 4 * 4);
        Graph graph;
        const Value numbers = graph.add("constant", {}, {{"shape", std::vector<int64_t>{bytes / 4}}});
        try {
            const BufferView view{Buffer::create(device, BufferKind::device, bytes, "memory between runs"), 0, bytes};
            plan_ = Plan::compile(device, graph, {{numbers, view}});
        } catch (const Error& error) { // a limit of memory
            if (error.code() != ErrorCode::out_of_device_memory && error.code() != ErrorCode::out_of_host_memory) throw;
        }
    }
    void write() const {
        if (plan_) plan_->device()->wait(plan_->run());
    }

  private:
    std::shared_ptr<Plan> plan_;
};

void race(std::vector<Contender>& contenders, const OtherMemory& other, bool timestamps) {
    const auto start = std::chrono::steady_clock::now();
    for (int round = 0; round < most_rounds; ++round) {
        const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
        if (round >= least_rounds && passed.count() > patience) break;
        double fastest = HUGE_VAL;
        for (Contender& contender : contenders) {
            if (!contender.plan) continue;
            other.write();
            contender.times.push_back(seconds_of_run(*contender.plan, timestamps));
            fastest = std::min(fastest, contender.fastest());
        }
        for (Contender& contender : contenders)
            if (contender.plan && !contender.is_default && contender.fastest() > hopeless * fastest) contender.plan.reset();
    }
}

} // namespace

TuningResult tune_convolution(const std::shared_ptr<Device>& device, const std::string& name) {
    const DeviceProfile& profile = device->profile();
    const ConvolutionProblem problem = convolution_problem(name);
    KernelChoices& choices = *profile.kernels;
    const bool timestamps = profile.timestamp_ns > 0;
    const LoneConvolution convolution(device, problem);
    std::vector<Contender> contenders = contenders_for(profile, problem);
    const KernelChoice trusted{problem.shape.by_channel() ? "depthwise_any" : "tiled"};
    std::vector<double> expected;
    {
        const std::shared_ptr<Plan> plan = convolution.compile(trusted);
        expected = convolution.run(*plan);
    }
    for (Contender& contender : contenders) admit(contender, convolution, choices, expected, timestamps);
    if (!contenders[0].candidate.refused.empty())
        fail(ErrorCode::internal, "The kernel ", to_string(contenders[0].candidate.choice), ", the default of ", name,
             ", is wrong: ", contenders[0].candidate.refused);
    race(contenders, OtherMemory(device), timestamps);

    const Contender* best = contenders.data();
    TuningResult result{.problem = name};
    for (Contender& contender : contenders)
        if (!contender.times.empty()) contender.candidate.seconds = median(contender.times);
    for (const Contender& contender : contenders)
        if (contender.plan && contender.candidate.seconds < best->candidate.seconds) best = &contender;
    result.noise = std::max({least_noise, spread(contenders[0].times), spread(best->times)});
    if (best->candidate.seconds > contenders[0].candidate.seconds * (1 - result.noise)) best = contenders.data();
    result.decision = {best->candidate.choice, contenders[0].candidate.choice, best->candidate.seconds, contenders[0].candidate.seconds};
    for (Contender& contender : contenders) result.candidates.push_back(std::move(contender.candidate));
    std::stable_sort(result.candidates.begin(), result.candidates.end(), [](const TunedCandidate& a, const TunedCandidate& b) {
        return (a.refused.empty() ? a.seconds : HUGE_VAL) < (b.refused.empty() ? b.seconds : HUGE_VAL);
    });
    choices.decide(name, result.decision);
    choices.save(device->log());
    return result;
}

} // namespace lemnos
