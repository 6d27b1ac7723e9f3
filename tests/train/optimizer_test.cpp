// The optimizers' step on the device against published trajectories (float64, run against torch.optim), and RAdam's
// quantities against their table.
#include "ops/harness.h"
#include "plan/plan.h"
#include "train/optimizer.h"

#include <cmath>

namespace lemnos::test {

// Four parameters, gradients of period 4; the last gradient is always 0.
static constexpr double start[4] = {1, -2, 0.5, 3};
static constexpr double cycle[4][4] = {{.1, -.2, .3, 0}, {-.3, .1, .2, 0}, {.05, .4, -.1, 0}, {.2, -.3, .15, 0}};

struct Trajectory {
    const char* optimizer;
    Attributes options;
    double after_1[4], after_2[4], after_5[4], after_6[4], after_10[4];
};

// Runs one operator whose results lie in the memory of their inputs: pairs (input, output). Returns those results.
static std::vector<Tensor> run_in_place(const OpCase& op_case, const std::vector<std::pair<int, int>>& shared) {
    Graph graph;
    Bindings bindings;
    std::vector<Value> inputs;
    for (const Given& given : op_case.inputs) {
        inputs.push_back(graph.input(text("input ", inputs.size()), given.type()));
        const auto buffer = Buffer::create(device(), BufferKind::device, given.type().bytes(), "test");
        bindings[inputs.back()] = {buffer, 0, given.type().bytes()};
        std::vector<float> floats(given.value.data.begin(), given.value.data.end());
        std::vector<int32_t> integers(given.value.data.begin(), given.value.data.end());
        const void* data = given.dtype == DataType::f32 ? static_cast<const void*>(floats.data()) : integers.data();
        device()->write(*buffer, 0, data, given.type().bytes());
    }
    const Value result = graph.add(op_case.op, inputs, op_case.attributes);
    std::vector<std::pair<BufferView, Shape>> wanted;
    for (const auto& [input, output] : shared) {
        if (size_t(input) >= inputs.size()) continue;
        const Value value{result.node, output};
        bindings[value] = bindings[inputs[size_t(input)]];
        wanted.emplace_back(bindings[value], graph.shape(value));
    }
    device()->wait(Plan::compile(device(), graph, bindings)->run());
    std::vector<Tensor> results;
    for (const auto& [view, shape] : wanted) {
        std::vector<float> floats(size_t(view.bytes / 4));
        view.read(floats.data());
        results.push_back(reference::tensor_of<float>(shape, floats));
    }
    return results;
}

struct OptimizerStep : OpTest {
    // The parameters after each of ten steps. An arena's block is 64 floats; what follows the four stays zero.
    static std::vector<std::vector<double>> run_ten(const Optimizer& optimizer) {
        const Shape arena{2, 64};
        Tensor parameters(arena), policy(Shape{2}), policies(Shape{2, 4});
        for (int i = 0; i < 4; ++i) parameters.data[size_t(i)] = start[i];
        policies.data = {optimizer.weight_decay(), 1, 0, 0, 0, 1, 0, 0};
        std::vector<Tensor> states(optimizer.states().size(), Tensor(arena));
        std::vector<std::vector<double>> after;
        for (int64_t step = 1; step <= 10; ++step) {
            Tensor gradients(arena), scalars(Shape{16});
            for (int i = 0; i < 4; ++i) gradients.data[size_t(i)] = cycle[(step - 1) % 4][i];
            const OptimizerScalars values = optimizer.scalars(step, optimizer.rate());
            for (size_t i = 0; i < values.size(); ++i) scalars.data[i] = double(values[i]);
            OpCase update{"optimizer_step",
                          {parameters, gradients, {policy, DataType::i32}, policies, scalars},
                          {{"algorithm", int64_t(optimizer.rule().algorithm)}, {"flags", int64_t(optimizer.flags())}}};
            for (const Tensor& state : states) update.inputs.push_back(state);
            const std::vector<Tensor> results = run_in_place(update, {{0, 0}, {5, 1}, {6, 2}});
            parameters = results[0];
            for (size_t i = 0; i < states.size(); ++i) states[i] = results[i + 1];
            after.push_back({parameters.data.begin(), parameters.data.begin() + 4});
            for (size_t i = 4; i < parameters.data.size(); ++i) EXPECT_EQ(parameters.data[i], 0.0) << "padding " << i;
        }
        return after;
    }

    static void expect_trajectory(const Trajectory& expected) {
        const auto after = run_ten(Optimizer(expected.optimizer, expected.options));
        const std::pair<int, const double*> rows[] = {{1, expected.after_1}, {2, expected.after_2}, {5, expected.after_5},
                                                      {6, expected.after_6}, {10, expected.after_10}};
        for (const auto& [step, values] : rows)
            for (int i = 0; i < 4; ++i)
                // f32 against f64: rounding of ten steps.
                EXPECT_NEAR(after[size_t(step - 1)][size_t(i)], values[i], 1e-5 * std::abs(values[i]) + 1e-7)
                    << expected.optimizer << ", step " << step << ", parameter " << i;
    }
};

TEST_F(OptimizerStep, Sgd) {
    expect_trajectory({"sgd", {{"rate", .1}}, {.99, -1.98, .47, 3}, {1.02, -1.99, .45, 3}, {.985, -1.98, .415, 3},
                       {1.015, -1.99, .395, 3}, {1.01, -1.99, .34, 3}});
    expect_trajectory({"sgd", {{"rate", .1}, {"weight_decay", .01}}, {.989, -1.978, .4695, 2.997},
                       {1.018011, -1.986022, .4490305, 2.994003}, {.979990015015, -1.97001993008, .412679765142, 2.98502997001},
                       {1.009010025, -1.97804991015, .392267085377, 2.98204494004},
                       {1.00004499993, -1.97010966086, .33573038406, 2.97013464063}});
}

TEST_F(OptimizerStep, SgdWithMomentum) {
    expect_trajectory({"sgd", {{"rate", .1}, {"momentum", .9}}, {.99, -1.98, .47, 3}, {1.011, -1.972, .423, 3},
                       {1.000669, -1.983888, .276967, 3}, {1.0156021, -1.9754992, .1942703, 3},
                       {1.00142653781, -1.97779502512, -.14494425617, 3}});
    expect_trajectory({"sgd", {{"rate", .1}, {"momentum", .9}, {"weight_decay", 5e-4}, {"nesterov", int64_t(1)}},
                       {.980905, -1.96181, .4429525, 2.999715}, {1.02967131403, -1.96434262805, .380590169512, 2.99930852708},
                       {.984753453356, -1.96382538465, .213918908106, 2.99747606036},
                       {1.02793167438, -1.96575816487, .119407110345, 2.99669389436},
                       {1.00890143387, -1.96531693588, -.241138760307, 2.99291792718}});
    expect_trajectory({"sgd", {{"rate", .1}, {"momentum", .9}, {"dampening", .1}}, {.99, -1.98, .47, 3}, {1.008, -1.971, .425, 3},
                       {.996507, -1.977309, .286985, 3}, {1.0093563, -1.9685781, .2107865, 3},
                       {.99477066843, -1.96698909141, -.09998947735, 3}});
}

TEST_F(OptimizerStep, Adam) {
    expect_trajectory({"adam", {}, {.9990000001, -1.99900000005, .499000000033, 3}, {.999494189911, -1.99873366303, .498029647943, 3},
                       {.999422177665, -1.99899458809, .496084718592, 3}, {.999580673152, -1.99892045405, .495285309714, 3},
                       {.999446581714, -1.99896688776, .492563765674, 3}});
    expect_trajectory({"adam", {{"weight_decay", .01}}, {.999000000091, -1.99900000005, .499000000033, 2.99900000033},
                       {.99945828501, -1.99862477379, .498028727152, 2.99800000937},
                       {.999229125414, -1.99867481627, .496045992753, 2.99500014639},
                       {.999338458088, -1.9985193251, .495238553729, 2.99400024774},
                       {.99899484878, -1.99826964743, .492468802013, 2.9900010799}});
    expect_trajectory({"adamw", {{"weight_decay", .01}}, {.9989900001, -1.99898000005, .498995000033, 2.99997},
                       {.999474200011, -1.99869367323, .498019657993, 2.9999400003},
                       {.999372199443, -1.99889462899, .4960598056, 2.999850003},
                       {.999520701208, -1.998800506, .495255436124, 2.9998200045},
                       {.999346631164, -1.99876698334, .492514119984, 2.9997000135}});
}

TEST_F(OptimizerStep, RAdamInItsThreeVariants) {
    expect_trajectory({"radam", {}, {.9999, -1.9998, .4997, 3}, {1.00001052632, -1.99975789474, .499452631579, 3},
                       {.999999157677, -1.99982763842, .499035182608, 3}, {1.0000032502, -1.99982572419, .499014540992, 3},
                       {.999997391773, -1.99982492619, .49890093719, 3}});
    expect_trajectory({"radam", {{"variant", "paper"}}, {.9999, -1.9998, .4997, 3}, {1.00001052632, -1.99975789474, .499452631579, 3},
                       {1.00003598528, -1.99987422031, .499192190537, 3}, {1.00004007781, -1.99987230608, .499171548922, 3},
                       {1.00003421937, -1.99987150808, .499057945119, 3}});
    expect_trajectory({"radam", {{"variant", "authors"}}, {1, -2, .5, 3}, {1, -2, .5, 3}, {1, -2, .5, 3},
                       {1.00000409253, -1.99999808578, .499979358384, 3}, {.999998234096, -1.99999728778, .499865754582, 3}});
}

TEST_F(OptimizerStep, RAdamWithDecay) {
    expect_trajectory({"radam", {{"rate", .01}, {"weight_decay", .01}, {"decoupled_weight_decay", int64_t(1)}},
                       {.9989, -1.9978, .49695, 2.9997}, {.999905373158, -1.99717916737, .494426620789, 2.99940003},
                       {.999491664356, -1.99727726968, .490104184436, 2.99850029997},
                       {.999432640464, -1.99705839972, .489848757861, 2.99820044994},
                       {.998974351917, -1.99625169952, .488516949436, 2.99700134964}});
    expect_trajectory({"radam", {{"rate", .01}, {"weight_decay", .01}}, {.9989, -1.9978, .49695, 2.9997},
                       {.999905321053, -1.99717906316, .494426476316, 2.99940001579},
                       {.999491708269, -1.99727703958, .490103222672, 2.99850016312},
                       {.999519934919, -1.99723690117, .489894752877, 2.99824196091},
                       {.999375290414, -1.9971067511, .488739530403, 2.99659627547}});
}

TEST(Rectification, FollowsTheTable) {
    const double rho[] = {1, 1.99949974985, 2.99866599978, 3.99749874985, 4.9959980004, 5.99416375166};
    for (int64_t t = 1; t <= 6; ++t) EXPECT_NEAR(rectification(.999, t).rho, rho[t - 1], 1e-10) << t;
    EXPECT_NEAR(rectification(.999, 5).factor, .0173115031663, 1e-11);
    EXPECT_NEAR(rectification(.999, 6).factor, .0258211128019, 1e-11);
    EXPECT_NEAR(rectification(.999, 1000).factor, .645325652338, 1e-11);
    EXPECT_NEAR(rectification(.999, 10000).rho, 1998.09649227, 1e-7);
    for (int64_t t = 1; t < 1000; ++t) EXPECT_LE(rectification(.6, t).rho, 4) << "never rectified, step " << t;
    // Naive f32 reads 4.018 here, above the paper's threshold.
    EXPECT_LT(rectification(.9995, 4).rho, 4);
}

static std::string refusal_of(const char* name, Attributes options) {
    try {
        Optimizer(name, std::move(options));
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

TEST(Optimizers, RefuseWithASentence) {
    EXPECT_EQ(refusal_of("radamm", {}), "There is no optimizer \"radamm\". Did you mean \"radam\"?");
    EXPECT_EQ(refusal_of("adam", {{"beta1", 1.5}}), "Optimizer adam: the attribute beta1 (1.5) is outside its range (0 to 0.9999999).");
    EXPECT_EQ(refusal_of("adam", {{"bata1", .5}}), "Optimizer adam has no attribute \"bata1\". Did you mean \"beta1\"?");
    EXPECT_EQ(refusal_of("sgd", {{"nesterov", int64_t(1)}}),
              "Optimizer sgd: Nesterov's momentum needs a momentum (0) above 0 and a dampening (0) of 0.");
    EXPECT_NE(refusal_of("sgd", {{"rate", -1.0}}), "");
}

} // namespace lemnos::test
