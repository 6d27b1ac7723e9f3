// What is decided about kernels: by name, by the tuner, by a check that finds one wrong; and what of it is kept on disk.
#include "device/device_test.h"
#include "ops/convolution_menu.h"
#include "ops/harness.h"
#include "plan/kernel_check.h"
#include "plan/tuner.h"
#include "reference/convolution.h"
#include "unit/scratch.h"

#include <fstream>

namespace lemnos::test {
namespace {

// 4 x 4 images of 8 channels, by a filter of 3 x 3.
const char* const problem_text = "forward x=2x4x4x8 y=4x4x16 kernel=3x3 stride=1x1 dilation=1x1 pad=1x1 groups=1 activation=none bias=0 "
                                 "residual=0 type=f32";

const ConvolutionKernel& menu_row(const std::string& name, ConvolutionPass pass) {
    for (const ConvolutionKernel& row : all_convolution_kernels())
        if (row.name == name && row.pass == pass) return row;
    fail(ErrorCode::internal, "The menu lacks ", name, ".");
}

int emitted = 0; // how often the wrong kernel was asked for its dispatches

bool fits_all(const DeviceProfile&, const ConvolutionProblem& p) { return p.shape.groups == 1; }

// The image is a row too high.
void emit_wrong(Emitter& e, const ConvolutionProblem& problem, const ConvolutionOperands& operands, KernelTile) {
    ++emitted;
    ConvolutionProblem shifted = problem;
    ++shifted.shape.pad_top;
    menu_row("tiled", problem.pass).emit(e, shifted, operands, {});
}

// What no driver can compile: the library holds no such shader.
void emit_nothing(Emitter& e, const ConvolutionProblem&, const ConvolutionOperands& operands, KernelTile) {
    e.dispatch({.shader = "no_such_shader", .specialisation = {64}, .operands = {operands.x, operands.filter, operands.y}});
}

void emit_right(Emitter& e, const ConvolutionProblem& problem, const ConvolutionOperands& operands, KernelTile) {
    ++emitted;
    menu_row("tiled", problem.pass).emit(e, problem, operands, {});
}

const ConvolutionKernel wrong{"wrong", ConvolutionPass::forward, {}, fits_all, emit_wrong};
const ConvolutionKernel uncompiled{"uncompiled", ConvolutionPass::forward, {}, fits_all, emit_nothing};
const ConvolutionKernel right{"right", ConvolutionPass::forward, {}, fits_all, emit_right};

struct KernelChoosing : DeviceTest {
    void SetUp() override {
        DeviceTest::SetUp();
        emitted = 0;
    }
    std::shared_ptr<Device> logging(bool on_disk = false) {
        return open({.cache_on_disk = on_disk, .log = Log(Log::warning, [this](std::string_view line) { lines.emplace_back(line); })});
    }
    // A convolution, held against the reference; gives what computed it.
    std::string compute(const std::shared_ptr<Device>& device) {
        RandomCases random;
        const Tensor x = random.uniform({2, 4, 4, 8}, -1, 1), w = random.uniform({3, 3, 8, 16}, -1, 1);
        KernelUses uses;
        const OpCase conv{"conv2d", {x, w}, {{"padding", std::vector<int64_t>{1, 1, 1, 1}}}};
        expect_near(run(conv, {.device = device, .uses = &uses}), reference::conv2d(x, w, {}, {.padding = {1, 1, 1, 1}}), 5e-6);
        EXPECT_EQ(uses.size(), 1u);
        return uses.contains(problem_text) ? to_string(uses.at(problem_text).choice) : "";
    }
    std::vector<std::string> lines;
};

} // namespace

// ---- names ----------------------------------------------------------------------------------------------------------

TEST_F(KernelChoosing, UnknownNamesAreRefusedWithTheKnownOnes) {
    expect_refusal(ErrorCode::invalid_argument,
                   {"LEMNOS_KERNELS names \"magic\", which is no kernel (scalar, tiled, coopmat2, coopmat, depthwise, "},
                   [] { KernelChoices("tiled,magic"); });
    expect_refusal(ErrorCode::invalid_argument, {"names \"magic\""}, [] { KernelChoices("-magic"); });
    EXPECT_EQ(KernelChoices("tiled,,-direct").wanted(), std::vector<std::string>{"tiled"});
    EXPECT_TRUE(KernelChoices("-direct").denies("direct"));
    EXPECT_FALSE(KernelChoices("-direct").denies("pointwise"));
    EXPECT_TRUE(KernelChoices::named({"winograd"}, "winograd.4"));
    EXPECT_FALSE(KernelChoices::named({"winograd.2"}, "winograd.4"));
}

TEST_F(KernelChoosing, NamesOfTheEnvironmentDecide) {
    const auto chosen = [&](const char* rules) {
        const ScopedVariable kernels("LEMNOS_KERNELS", rules);
        return compute(open());
    };
    EXPECT_EQ(chosen("tiled"), "tiled");
    const bool scalar = open()->profile().has_subgroup_kernels();
    if (scalar) {
        EXPECT_TRUE(chosen("scalar,direct").starts_with("direct"));
        EXPECT_TRUE(chosen("tiled,direct").starts_with("direct")); // by its name, on a device of the other family
        EXPECT_EQ(chosen("-scalar"), "tiled");
        EXPECT_EQ(chosen("scalar,pointwise"), chosen("scalar")); // it does not fit a filter of 3 x 3
        EXPECT_FALSE(chosen("scalar,-direct").starts_with("direct")); // another takes its place
    }
    EXPECT_THROW(chosen("-scalar,-tiled"), Error);
}

TEST_F(KernelChoosing, ProblemsGoRoundAsTexts) {
    ConvolutionProblem problem = convolution_problem(problem_text);
    EXPECT_EQ(to_string(problem), problem_text);
    EXPECT_EQ(problem.shape.out_channels, 16);
    problem = {ConvolutionPass::filter_gradient, {3, 9, 8, 6, 5, 7, 12, 2, 3, 2, 1, 3, 2, 1, 0, 3}, ActivationKind::relu6, true, true, DataType::f16};
    EXPECT_EQ(to_string(convolution_problem(to_string(problem))), to_string(problem));
    for (const std::string& wrong_text : {std::string("forward"), std::string(problem_text) + " more", std::string("backward") + (problem_text + 7), std::string()})
        EXPECT_THROW(convolution_problem(wrong_text), Error) << wrong_text;
}

// ---- checks ---------------------------------------------------------------------------------------------------------

TEST_F(KernelChoosing, AKernelThatComputesSomethingWrongIsRejectedAndSaidSo) {
    const auto device = logging();
    device->profile().kernels->offer(&wrong);
    const std::string chosen = compute(device); // right, so by another
    EXPECT_NE(chosen, "wrong");
    EXPECT_GE(emitted, 2); // for the plan, and for its check
    const auto rejections = device->profile().kernels->rejections();
    ASSERT_TRUE(rejections.contains("wrong forward f32"));
    EXPECT_NE(rejections.at("wrong forward f32").find("numbers differ"), std::string::npos);
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_NE(lines[0].find("The kernel wrong forward f32 is not used on"), std::string::npos);
    EXPECT_NE(lines[0].find(", for it failed its check as wrong: "), std::string::npos);
    emitted = 0;
    EXPECT_EQ(compute(device), chosen);
    EXPECT_EQ(emitted, 0);
}

TEST_F(KernelChoosing, AKernelThatDoesNotCompileIsRejected) {
    const auto device = logging();
    device->profile().kernels->offer(&uncompiled);
    EXPECT_NE(compute(device), "uncompiled");
    EXPECT_NE(device->profile().kernels->rejections().at("uncompiled forward f32").find("no_such_shader"), std::string::npos);
}

TEST_F(KernelChoosing, AKernelIsCheckedOnce) {
    const auto device = logging();
    device->profile().kernels->offer(&right);
    EXPECT_EQ(compute(device), "right");
    EXPECT_EQ(emitted, 3); // two plans and a check
    EXPECT_EQ(compute(device), "right");
    EXPECT_EQ(emitted, 5);
    EXPECT_TRUE(lines.empty());
}

// Every row of the menu computes what it should, on problems of every pass that it can compute.
TEST_F(KernelChoosing, TheMenuPassesItsOwnCheck) {
    const auto device = open();
    int checked = 0;
    for (const ConvolutionKernel& row : all_convolution_kernels())
        for (const ConvolutionShape& shape : {ConvolutionShape{2, 20, 20, 40, 20, 20, 48, 1, 1, 1, 1, 1, 1, 0, 0, 1},
                                              ConvolutionShape{2, 21, 20, 40, 11, 10, 48, 1, 1, 2, 2, 1, 1, 0, 0, 1},
                                              ConvolutionShape{2, 21, 20, 40, 21, 20, 48, 3, 3, 1, 1, 1, 1, 1, 1, 1},
                                              ConvolutionShape{2, 20, 20, 48, 10, 10, 48, 3, 3, 2, 2, 1, 1, 1, 1, 48},
                                              ConvolutionShape{2, 56, 56, 64, 56, 56, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1}})
            for (const DataType dtype : {DataType::f32, DataType::f16}) {
                const ConvolutionProblem problem{row.pass, shape, ActivationKind::none, false, false, dtype};
                if (!computes(device->profile(), row, problem)) continue;
                for (KernelTile tile : tiles_of(device->profile(), row, problem)) {
                    const auto fault = fault_of_kernel(device, row, problem, tile);
                    ASSERT_TRUE(fault.has_value()) << row.name;
                    EXPECT_EQ(*fault, "") << row.name << " " << to_string(problem);
                    ++checked;
                }
            }
    EXPECT_GE(checked, 12);
}

// ---- the tuner ------------------------------------------------------------------------------------------------------

TEST_F(KernelChoosing, TheTunerTimesWhatIsRightAndDecides) {
    const auto device = logging();
    KernelChoices& choices = *device->profile().kernels;
    choices.offer(&wrong);
    EXPECT_NE(compute(device), "wrong"); // rejected from now on
    const TuningResult result = tune_convolution(device, problem_text);
    EXPECT_EQ(result.problem, problem_text);
    EXPECT_GE(result.candidates.size(), 1u);
    EXPECT_GT(result.decision.best_seconds, 0);
    EXPECT_LE(result.decision.best_seconds, result.decision.fallback_seconds);
    bool has_best = false;
    for (const TunedCandidate& candidate : result.candidates) {
        EXPECT_EQ(candidate.refused, "") << to_string(candidate.choice);
        EXPECT_NE(candidate.choice.kernel, "wrong");
        EXPECT_GT(candidate.seconds, 0);
        has_best |= candidate.choice == result.decision.best;
    }
    EXPECT_TRUE(has_best);
    if (result.decision.best != result.decision.fallback) {
        EXPECT_LT(result.decision.best_seconds, result.decision.fallback_seconds * (1 - result.noise) * 1.0001);
    }
    EXPECT_EQ(compute(device), to_string(result.decision.best));
    expect_refusal(ErrorCode::invalid_argument, {"The text \"nonsense\" is no convolution (one is \"forward x=1x8x8x4 "}, [&] { tune_convolution(device, "nonsense"); });
}

// The memory that it writes between its runs is more than this device may have.
TEST_F(KernelChoosing, TheTunerWorksWithinALimitOfMemory) {
    const auto device = open({.memory_limit = 4 << 20});
    EXPECT_GT(tune_convolution(device, problem_text).decision.best_seconds, 0);
}

// Who is wrong and was never checked is found before it is timed.
TEST_F(KernelChoosing, TheTunerRefusesAWrongCandidate) {
    const auto device = logging();
    KernelChoices& choices = *device->profile().kernels;
    const std::string fallback = compute(device);
    static const ConvolutionKernel last{"wrong", ConvolutionPass::forward, KernelFamily::scalar, fits_all, emit_wrong};
    static const ConvolutionKernel other{"wrong", ConvolutionPass::forward, KernelFamily::tiled, fits_all, emit_wrong};
    choices.offer(device->profile().family == KernelFamily::scalar ? &other : &last); // of no use as a default
    const TuningResult result = tune_convolution(device, problem_text);
    EXPECT_EQ(to_string(result.decision.fallback), fallback);
    EXPECT_EQ(result.candidates.back().choice.kernel, "wrong");
    EXPECT_NE(result.candidates.back().refused.find("numbers differ"), std::string::npos);
    EXPECT_EQ(result.candidates.back().seconds, 0);
    EXPECT_NE(compute(device), "wrong");
}

TEST_F(KernelChoosing, ADecisionThatCannotBeFollowedIsLeftOut) {
    const auto device = logging();
    KernelChoices& choices = *device->profile().kernels;
    const std::string fallback = compute(device);
    choices.decide(problem_text, {{"tiled"}, {"tiled"}});
    EXPECT_EQ(compute(device), "tiled");
    choices.decide(problem_text, {{"no_such_kernel"}, {"tiled"}});
    EXPECT_EQ(compute(device), fallback);
    choices.decide(problem_text, {{"tiled", 3, 5}, {"tiled"}});
    EXPECT_EQ(compute(device), fallback);
    choices.decide(problem_text, {{"pointwise", 4, 16}, {"tiled"}});
    EXPECT_EQ(compute(device), fallback);
}

// ---- the file -------------------------------------------------------------------------------------------------------

TEST_F(KernelChoosing, DecisionsAndChecksAreKeptOnDisk) {
    const ScratchFolder folder;
    const ScopedVariable cache("XDG_CACHE_HOME", folder.path().c_str());
    const auto file = [&] {
        for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path()))
            if (entry.path().filename().string().starts_with("kernels-")) return entry.path().string();
        return std::string();
    };
    std::string fallback;
    {
        const auto device = logging(false); // nothing is kept where the cache is off
        device->profile().kernels->decide(problem_text, {{"tiled"}, {"tiled"}});
        device->close();
        EXPECT_EQ(file(), "");
    }
    {
        const auto device = logging(true);
        device->profile().kernels->offer(&wrong);
        fallback = compute(device);
        device->profile().kernels->decide(problem_text, {{"tiled"}, {"direct", 4, 16}, 0.001, 0.002});
        device->close();
    }
    ASSERT_NE(file(), "");
    {
        const auto device = logging(true);
        const KernelChoices& choices = *device->profile().kernels;
        EXPECT_TRUE(choices.rejected("wrong forward f32"));
        EXPECT_TRUE(choices.checked(name_of_check(fallback, convolution_problem(problem_text))));
        EXPECT_EQ(choices.decision(problem_text), KernelChoice{"tiled"});
        EXPECT_EQ(choices.decisions().at(problem_text).fallback, (KernelChoice{"direct", 4, 16}));
        EXPECT_EQ(choices.decisions().at(problem_text).fallback_seconds, 0.002);
        EXPECT_EQ(compute(device), "tiled");
    }
    // Another driver or other shaders: what is there is not used, and is said so.
    std::string text_of_file;
    {
        std::ifstream in(file());
        text_of_file.assign(std::istreambuf_iterator<char>(in), {});
    }
    const auto with = [&](const std::string& name, const std::string& value) {
        const std::string key = "\"" + name + "\":";
        const size_t at = text_of_file.find(key) + key.size(), end = text_of_file.find_first_of(",}", at);
        std::ofstream(file()) << text_of_file.substr(0, at) + value + text_of_file.substr(end);
        lines.clear();
        return logging(true);
    };
    for (const auto& [name, value] : std::map<std::string, std::string>{{"driver", "7"}, {"shaders", "\"0\""}, {"device", "1"}}) {
        const auto device = with(name, value);
        EXPECT_TRUE(device->profile().kernels->decisions().empty()) << name;
        EXPECT_FALSE(device->profile().kernels->rejected("wrong forward f32"));
        ASSERT_EQ(lines.size(), 1u) << name;
        EXPECT_NE(lines[0].find("What was tuned is not used"), std::string::npos);
        EXPECT_EQ(compute(device), fallback);
    }
    std::ofstream(file()) << "\"problem\" {";
    lines.clear();
    EXPECT_TRUE(logging(true)->profile().kernels->decisions().empty());
}

// Two processes that close one after the other: neither loses what the other found.
TEST_F(KernelChoosing, WhatOthersFoundMeanwhileIsKept) {
    const ScratchFolder folder;
    const ScopedVariable cache("XDG_CACHE_HOME", folder.path().c_str());
    const auto first = logging(true), second = logging(true);
    first->profile().kernels->decide("a", {{"tiled"}, {"tiled"}});
    second->profile().kernels->decide("b", {{"tiled"}, {"tiled"}});
    first->close();
    second->close();
    const auto third = logging(true);
    EXPECT_EQ(third->profile().kernels->decisions().size(), 2u);
    third->profile().kernels->replace_decisions({});
    third->close();
    EXPECT_TRUE(logging(true)->profile().kernels->decisions().empty());
}

TEST_F(KernelChoosing, DecisionsAreShipped) {
    const auto device = logging();
    const KernelDecisions decisions{{problem_text, {{"pointwise", 4, 16}, {"tiled"}, 0.25, 0.5}}};
    const std::string shipped = KernelChoices::decisions_text(decisions, device->info());
    const KernelDecisions taken = KernelChoices::parse_decisions(shipped, device->info());
    ASSERT_EQ(taken.size(), 1u);
    EXPECT_EQ(taken.at(problem_text).best, (KernelChoice{"pointwise", 4, 16}));
    EXPECT_EQ(taken.at(problem_text).best_seconds, 0.25);
    DeviceInfo other = device->info();
    other.driver_version += 1;
    EXPECT_EQ(KernelChoices::parse_decisions(shipped, other).size(), 1u); // slower perhaps, but right
    other.device_id += 1;
    expect_refusal(ErrorCode::invalid_argument, {"hold for another device"}, [&] { KernelChoices::parse_decisions(shipped, other); });
    expect_refusal(ErrorCode::file_malformed, {"damaged"}, [&] { KernelChoices::parse_decisions("{", device->info()); });
    expect_refusal(ErrorCode::file_malformed, {"damaged"}, [&] { KernelChoices::parse_decisions(shipped + "{\"problem\":1}\n", device->info()); });
}

} // namespace lemnos::test
