// Policies: what single parameters decay towards, which are frozen, how they are named, and what is refused.
#include "models/arena.h"
#include "reference/optimizer.h"
#include "refusal.h"
#include "train/policy.h"
#include "train/scales.h"
#include "train/trainer.h"
#include "train/update_run.h"

#include <cmath>
#include <limits>

namespace lemnos::test {
namespace {

using Arrays = std::vector<std::vector<double>>; // one a parameter

ArenaLayout layout_of(const Architecture& architecture) {
    return {architecture.graph, architecture.graph.leaves(LeafKind::parameter)};
}

std::vector<SegmentPolicy> parse(const std::string& text, bool weights_alone = false) {
    const Architecture architecture = scales();
    return parse_policies(text, architecture.graph, layout_of(architecture), weights_alone);
}

SegmentPolicy policy_of(const std::string& name, const std::string& text, bool weights_alone = false) {
    const ArenaLayout layout = layout_of(scales());
    return parse(text, weights_alone)[size_t(layout.find(name) - layout.segments().data())];
}

std::vector<double> flat(const Arrays& arrays) {
    std::vector<double> all;
    for (const std::vector<double>& each : arrays) all.insert(all.end(), each.begin(), each.end());
    return all;
}

struct Policies : OpTest {
    std::vector<double> values(int64_t count, double size = 1) {
        std::vector<double> result(static_cast<size_t>(count));
        for (double& value : result) value = double(float(random.number(-size, size)));
        return result;
    }
};

} // namespace

TEST(PolicyWords, ReachParametersByNameAndByWhatTheyAre) {
    const char* paper = "@gamma target=1 decay=0.5; @beta decay=2";
    for (const char* layer : {"a", "b", "c"}) {
        const SegmentPolicy gamma = policy_of(text(layer, ".weight"), paper, true), beta = policy_of(text(layer, ".bias"), paper, true);
        EXPECT_EQ(gamma.target, 1);
        EXPECT_EQ(gamma.decay, 0.5) << "what is said outdoes decay=weights";
        EXPECT_EQ(beta.target, 0);
        EXPECT_EQ(beta.decay, 2);
    }
    EXPECT_EQ(policy_of("head.bias", paper, true).decay, 0);
    EXPECT_EQ(policy_of("head.weight", paper, true).decay, 1);
    EXPECT_EQ(policy_of("head.weight", paper, true).target, 0);
    EXPECT_EQ(policy_of("a.weight", "*.weight target=-2.5").target, -2.5);

    EXPECT_TRUE(policy_of("a.bias", "a.* frozen").frozen);
    EXPECT_FALSE(policy_of("b.bias", "a.* frozen").frozen);
    EXPECT_FALSE(policy_of("head.bias", "* frozen; head.* rate=0.5").frozen);
    EXPECT_EQ(policy_of("head.bias", "* frozen; head.* rate=0.5").rate, 0.5);
    EXPECT_TRUE(policy_of("a.bias", "* frozen; head.* rate=0.5").frozen);
    EXPECT_TRUE(policy_of("a.bias", "* frozen; * decay=0.5").frozen);
}

TEST(PolicyWords, AreRefusedWithASentence) {
    const auto refused = [](const char* policies, std::initializer_list<std::string> parts) {
        SCOPED_TRACE(policies);
        expect_refusal(ErrorCode::invalid_argument, parts, [&] { parse(policies); });
    };
    const std::string meant = "where frozen, rate=FACTOR or decay=FACTOR (0 to 1000000), or target=VALUE (-1000000 to 1000000) is meant.";
    for (const char* word : {"target=1e7", "target=nan", "target=inf", "target=", "target", "rate=-1", "decay=2e6", "frozen=1", "thawed"})
        refused(text("a.* ", word).c_str(), {text("The policy \"a.* ", word, "\" has \"", word, "\", "), meant});
    refused("a.* frozen; d.* rate=2", {"The policy \" d.* rate=2\" fits no parameter of the model (the first is named \"a.weight\")."});
    refused("@alpha decay=0", {"The policies have \"@alpha\", which is neither @gamma nor @beta: the scales and the shifts of "
                               "normalisations."});
    Graph plain;
    const std::vector<Value> leaves{plain.parameter("weight", {3}, {})};
    expect_refusal(ErrorCode::invalid_argument, {"The policy \"@gamma decay=0\" fits nothing: no normalisation of the model has such a "
                                                 "parameter."},
                   [&] { parse_policies("@gamma decay=0", plain, ArenaLayout(plain, leaves), false); });
}

// Without a gradient the distance to the target shrinks by 1 - rate * decay each step, coupled (sgd) or not (adamw).
TEST_F(Policies, GammaDecaysTowardsOneInClosedForm) {
    for (const char* optimizer : {"sgd", "adamw"}) {
        SCOPED_TRACE(optimizer);
        const ArenaLayout layout = layout_of(scales());
        std::vector<int64_t> lengths;
        for (const Segment& segment : layout.segments()) lengths.push_back(segment.elements);
        UpdateRun run(lengths, Optimizer(optimizer, {{"rate", 0.5}, {"weight_decay", 0.25}}), {},
                      parse("@gamma target=1 decay=0.5; @beta decay=0.25", true));
        Arrays start;
        for (int64_t length : lengths) start.push_back(values(length, 3));
        run.set_parameters(flat(start));
        for (int step = 1; step <= 8; ++step) {
            run.step(std::vector<double>(flat(start).size(), 0.0));
            Arrays expected = start;
            for (size_t i = 0; i < lengths.size(); ++i) {
                const std::string& name = layout.segments()[i].name;
                const bool normalises = !name.starts_with("head"), gamma = normalises && name.ends_with("weight");
                const double target = gamma ? 1 : 0, factor = gamma ? 0.5 : normalises ? 0.25 : name == "head.weight" ? 1 : 0;
                for (double& value : expected[i]) value = target + (value - target) * std::pow(1 - 0.5 * 0.25 * factor, step);
            }
            const std::vector<double> wanted = flat(expected), got = run.parameters();
            // Each step rounds a number below 4 three times.
            for (size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(got[i], wanted[i], step * 3 * 4 * 0x1p-24) << "step " << step;
        }
        EXPECT_TRUE(run.padding_is_zero());
    }
}

TEST_F(Policies, TargetsAgreeWithTheReferenceOverSteps) {
    const std::vector<std::pair<const char*, Attributes>> optimizers{
        {"sgd", {{"rate", 0.05}, {"weight_decay", 0.1}, {"momentum", 0.9}}},
        {"adam", {{"rate", 0.02}, {"weight_decay", 0.1}}},
        {"adamw", {{"rate", 0.02}, {"weight_decay", 0.5}}}};
    const std::vector<SegmentPolicy> policies{{.decay = 0.5, .target = 1}, {.decay = 2}, {.decay = 1, .rate = 0.5, .target = -2}};
    for (const auto& [name, options] : optimizers) {
        SCOPED_TRACE(name);
        const std::vector<int64_t> lengths{37, 64, 130};
        UpdateRun run(lengths, Optimizer(name, options), {}, policies);
        std::vector<reference::OptimizerTensor<double>> tensors;
        Arrays start;
        for (size_t i = 0; i < lengths.size(); ++i) {
            start.push_back(values(lengths[i], 2));
            tensors.push_back({.parameters = start[i]});
            tensors[i].rate = policies[i].rate, tensors[i].decay = policies[i].decay, tensors[i].target = policies[i].target;
        }
        run.set_parameters(flat(start));
        for (int64_t step = 1; step <= 12; ++step) {
            Arrays gradients, expected;
            for (size_t i = 0; i < lengths.size(); ++i) {
                gradients.push_back(values(lengths[i]));
                tensors[i].gradients = gradients[i];
            }
            run.step(flat(gradients));
            reference::optimizer_step(name, options, step, std::get<double>(options.all().at("rate")), tensors);
            for (const auto& tensor : tensors) expected.push_back(tensor.parameters);
            const std::vector<double> wanted = flat(expected), got = run.parameters();
            for (size_t i = 0; i < wanted.size(); ++i) ASSERT_NEAR(got[i], wanted[i], 1e-5) << "step " << step << ", element " << i;
        }
    }
}

// Gamma is 1 and beta 0 at first: there the decay pulls nowhere, to the bit, and without a target it does.
TEST_F(Policies, TheDecayOfAFirstStepChangesNothing) {
    const auto train = [](const char* optimizer, const char* policies, int steps) {
        const auto model = scales_model();
        Trainer trainer(model, noisy_pictures(32), Optimizer(optimizer, {{"rate", 0.05}, {"weight_decay", 0.1}}), Schedule("constant", {}),
                        {{"batch", int64_t(8)}, {"decay", std::string("weights")}, {"policies", std::string(policies)}});
        for (int step = 0; step < steps; ++step) EXPECT_TRUE(trainer.step());
        trainer.progress(true);
        return model->parameters().read();
    };
    for (const char* optimizer : {"sgd", "adamw"}) {
        SCOPED_TRACE(optimizer);
        const char* paper = "@gamma target=1 decay=1; @beta decay=1";
        EXPECT_TRUE(same_bits(train(optimizer, "", 1), train(optimizer, paper, 1)));
        EXPECT_FALSE(same_bits(train(optimizer, "", 3), train(optimizer, paper, 3)));
        EXPECT_FALSE(same_bits(train(optimizer, "", 1), train(optimizer, "@gamma decay=1", 1)));
    }
}

// ---- frozen ---------------------------------------------------------------------------------------------------------

// Whatever the gradient is, were it no number: it is not read. The first and the last tensor are those that the bindings of
// the second device do not reach together.
TEST_F(Policies, FrozenTensorsKeepTheirBits) {
    const std::vector<int64_t> lengths{70, 9000, 65, 4097, 3};
    const std::vector<SegmentPolicy> policies{{}, {.frozen = true}, {}, {.decay = 1, .rate = 3, .target = 1, .frozen = true}, {}};
    Arrays start;
    for (int64_t length : lengths) start.push_back(values(length));
    for (size_t i : {1, 3}) start[i][0] = -0.0, start[i][1] = 0, start[i][2] = 0x1p-140;
    for (const OptimizerRule& rule : all_optimizers()) {
        SCOPED_TRACE(rule.name);
        Attributes options{{"weight_decay", 0.1}, {"lookahead", int64_t(2)}};
        for (const AttributeSpec& spec : rule.options)
            if (spec.name == "momentum") options.set("momentum", 0.9);
        Arrays results;
        for (int64_t range : {0, 16384}) {
            UpdateRun run(lengths, Optimizer(rule.name, options), {.average = 0.9}, policies, range ? device(range) : device());
            run.set_parameters(flat(start));
            for (int step = 0; step < 5; ++step) {
                Arrays gradients;
                for (int64_t length : lengths) gradients.push_back(std::vector<double>(size_t(length), 0.125 * (step + 1)));
                for (size_t i : {1, 3}) gradients[i].assign(gradients[i].size(), std::numeric_limits<double>::quiet_NaN());
                run.step(flat(gradients));
                run.update().collect(true);
                EXPECT_NEAR(run.reports.back().gradient_norm, 0.125 * (step + 1) * std::sqrt(70 + 65 + 3), 1e-4);
            }
            for (const std::vector<double>& all : {run.parameters(), run.read(*run.update().average())}) {
                size_t at = 0;
                for (size_t i = 0; i < lengths.size(); at += size_t(lengths[i++])) {
                    const std::vector<double> after(all.begin() + ptrdiff_t(at), all.begin() + ptrdiff_t(at) + lengths[i]);
                    EXPECT_EQ(same_bits(after, start[i]), policies[i].frozen) << "tensor " << i;
                }
            }
            results.push_back(run.parameters());
            EXPECT_TRUE(run.padding_is_zero());
        }
        EXPECT_TRUE(same_bits(results[0], results[1]));
    }
    UpdateRun still(lengths, Optimizer("lamb", {{"weight_decay", 0.1}}), {}, std::vector<SegmentPolicy>(5, {.frozen = true}));
    still.set_parameters(flat(start));
    still.step(std::vector<double>(flat(start).size(), 1.0));
    still.update().collect(true);
    EXPECT_TRUE(same_bits(still.parameters(), flat(start)));
    EXPECT_EQ(still.reports.back().gradient_norm, 0);
}

// The gradients of frozen parameters are not built, and their norm is not measured.
TEST_F(Policies, FrozenParametersAreNotDifferentiated) {
    const auto make = [](std::shared_ptr<Model> model, const char* policies) {
        return std::make_unique<Trainer>(std::move(model), noisy_pictures(32),
                                         Optimizer("sgd", {{"rate", 0.5}, {"momentum", 0.9}, {"weight_decay", 0.1}}),
                                         Schedule("constant", {}),
                                         Attributes{{"batch", int64_t(8)}, {"micro_batch", int64_t(4)}, {"decay", std::string("weights")},
                                                    {"policies", std::string(policies)}});
    };
    const auto model = scales_model();
    const auto all = make(scales_model(), ""), head = make(model, "* frozen; head.bias rate=1");
    EXPECT_LT(head->accumulate_plan().dispatches(), all->accumulate_plan().dispatches());
    const std::vector<float> before = model->parameters().read();
    std::vector<float> bias = model->read("head.bias");
    EXPECT_TRUE(head->step());
    const double norm = head->progress(true).gradient_norm;
    std::vector<float> after = model->parameters().read();
    double moved = 0;
    for (size_t i = 0; i < bias.size(); ++i) moved += std::pow((double(bias[i]) - double(model->read("head.bias")[i])) / 0.5, 2);
    EXPECT_GT(norm, 0);
    EXPECT_NEAR(norm, std::sqrt(moved), 1e-5);
    for (int step = 0; step < 3; ++step) EXPECT_TRUE(head->step());
    head->progress(true);
    const Segment& trained = *model->parameters().layout->find("head.bias");
    after = model->parameters().read();
    for (int64_t i = 0; i < trained.elements; ++i) after[size_t(trained.offset / 4 + i)] = before[size_t(trained.offset / 4 + i)];
    EXPECT_TRUE(same_bits(before, after));

    const auto still = scales_model();
    const std::vector<float> statistics = still->states().read();
    const auto none = make(still, "* frozen");
    while (none->step()) {}
    EXPECT_EQ(none->progress(true).gradient_norm, 0);
    EXPECT_TRUE(same_bits(still->parameters().read(), before));
    EXPECT_FALSE(same_bits(still->states().read(), statistics));
}

} // namespace lemnos::test
