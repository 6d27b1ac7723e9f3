// The normaliser on the device against PyTorch's BatchNorm2d, GroupNorm, InstanceNorm2d and layer_norm in float64
// (oracle/normalisation.py): results, all gradients, and running statistics after the trainer's update.
//
// Tolerance: 2e-5 of a tensor's largest element, the project's figure for normalisation. Rounding is of the terms that
// are added up, not of their sum. Where these cancel all but a small part, the tensor is badly conditioned and is
// measured against that part of the terms instead: the gradient of x over two cells, which is what is left of
// g - mean(g) - x' mean(g x') with x' = 1 and -1, or that of a single channel's beta where it happens to be near 0.
//
// And the losses of one number a row and the normalisation of rows to a length (oracle/losses.py): results and gradients.
#include "oracle/oracle.h"
#include "models/arena.h"
#include "ops/harness.h"
#include "plan/plan.h"
#include "unit/scratch.h"

namespace lemnos::test {

namespace {

constexpr double tolerance = 2e-5;
constexpr double least_part = 0.02; // of its terms; a smaller sum is badly conditioned

// What the oracle was given and what it computed.
struct NormalisationCase {
    std::string kind, activation;
    Shape shape;
    int64_t examples = 0, groups = 0;
    double epsilon = 0, momentum = 0;
    Tensor x, gamma, beta, running_mean, running_variance, dy;
    std::vector<Tensor> results;
    std::vector<double> terms; // of each result

    bool inference() const { return kind == "inference"; }
    std::string describe() const {
        return text(kind, " ", to_string(shape), ", sets of ", examples, ", groups ", groups, ", epsilon ", epsilon, ", ",
                    activation, ", momentum ", momentum);
    }
};

constexpr const char* names_of_results[] = {"y", "dx", "dgamma", "dbeta", "running mean", "running variance"};

NormalisationCase read_case(OracleFile& file) {
    NormalisationCase c{.kind = file.word()};
    for (int axis = 0; axis < 4; ++axis) c.shape.push_back(file.word<int64_t>());
    const auto value = [&](const char* name, auto& to) {
        file.expect(name);
        to = file.word<std::decay_t<decltype(to)>>();
    };
    value("examples", c.examples);
    value("groups", c.groups);
    value("epsilon", c.epsilon);
    value("activation", c.activation);
    value("momentum", c.momentum);
    file.expect("terms");
    const bool statistics = c.kind.starts_with("batch") || c.kind == "ghost";
    for (int i = 0; i < (statistics ? 6 : 4); ++i) c.terms.push_back(file.word<double>());
    const Shape channels{c.shape.back()};
    const auto tensor = [&](const Shape& shape) {
        return Tensor(shape, file.array(size_t(reference::element_count(shape))));
    };
    c.x = tensor(c.shape);
    for (Tensor* vector : {&c.gamma, &c.beta, &c.running_mean, &c.running_variance}) *vector = tensor(channels);
    c.dy = tensor(c.shape);
    for (size_t i = 0; i < c.terms.size(); ++i) c.results.push_back(tensor(i < 2 ? c.shape : channels));
    return c;
}

// y and the gradients of x, gamma and beta, then the moments of the batch where they were computed.
std::vector<Tensor> normalised(const NormalisationCase& c) {
    Graph graph;
    std::map<Value, Given> given;
    const auto input = [&](const char* name, const Tensor& tensor) {
        const Value value = graph.input(name, {DataType::f32, tensor.shape});
        given.emplace(value, tensor);
        return value;
    };
    const std::vector<Value> differentiated{input("x", c.x), input("gamma", c.gamma), input("beta", c.beta)};
    std::vector<Value> inputs = differentiated;
    Attributes attributes{{"epsilon", c.epsilon}, {"activation", c.activation}, {"groups", c.groups}};
    if (c.inference()) {
        inputs.push_back(input("mean", c.running_mean));
        inputs.push_back(input("variance", c.running_variance));
    } else {
        attributes.set("examples", c.examples);
    }
    const Value y = graph.add(c.inference() ? "batch_norm" : "normalisation", inputs, attributes);
    std::vector<Value> wanted{y};
    for (Value gradient : gradients(graph, y, differentiated, input("dy", c.dy)))
        wanted.push_back(gradient);
    if (!c.inference()) wanted.insert(wanted.end(), {{y.node, 1}, {y.node, 2}});
    return run_graph(graph, given, wanted);
}

// Running mean and variance after the batch, as a trainer with statistics=pytorch makes them.
std::vector<Tensor> updated(const NormalisationCase& c, const Tensor& mean, const Tensor& variance) {
    const int64_t channels = c.shape.back(), blocks = divide_up(channels, ArenaLayout::block);
    Graph graph;
    Bindings bindings;
    const auto input = [&](const char* name, const Shape& shape, std::vector<double> values) {
        values.resize(size_t(reference::element_count(shape)));
        const TensorType type{DataType::f32, shape};
        const Value value = graph.input(name, type);
        bindings[value] = {Buffer::create(device(), BufferKind::device, type.bytes(), name), 0, type.bytes()};
        bindings[value].write(std::vector<float>(values.begin(), values.end()).data());
        return value;
    };
    const Shape arena{blocks, ArenaLayout::block};
    const double cells = double(c.shape[1] * c.shape[2]), examples = double(c.shape[0]);
    const std::vector<Value> inputs{input("running mean", arena, c.running_mean.data),
                                    input("running variance", arena, c.running_variance.data),
                                    input("mean", arena, mean.data),
                                    input("variance", arena, variance.data),
                                    input("share", {1}, {c.momentum}),
                                    input("cells", {blocks}, std::vector<double>(size_t(blocks), cells)),
                                    input("examples", {1}, {examples})};
    const Value merged = graph.add("merge_moments", inputs);
    bindings[merged] = bindings[inputs[0]];
    bindings[{merged.node, 1}] = bindings[inputs[1]];
    Plan::compile(device(), graph, bindings)->run();
    std::vector<Tensor> results;
    for (int i : {0, 1}) {
        std::vector<float> values(size_t(arena[0] * arena[1]));
        bindings[inputs[size_t(i)]].read(values.data());
        results.emplace_back(Shape{channels}, std::vector<double>(values.begin(), values.begin() + channels));
    }
    return results;
}

struct OracleTest : OpTest {
    explicit OracleTest(const char* subject) : subject(subject) {}
    void SetUp() override {
        OpTest::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        const std::string file = folder.file(subject);
        const OracleRun oracle = run_oracle(subject, file, random.seed());
        require_oracle(oracle);
        if (oracle.done()) cases = std::make_unique<OracleFile>(file);
    }
    const char* subject;
    const ScratchFolder folder;
    std::unique_ptr<OracleFile> cases;
};

struct PyTorch : OracleTest {
    PyTorch() : OracleTest("normalisation") {}
};

struct PyTorchLosses : OracleTest {
    PyTorchLosses() : OracleTest("losses") {}
};

// An operator of two inputs, with what the oracle says of its result and of the gradients.
struct RowsCase {
    std::string kind;
    int64_t rows = 0, columns = 0;
    OpCase op;
    Tensor dy;
    std::vector<Tensor> expected;

    std::string describe() const { return text(kind, " ", rows, " x ", columns, describe_options(op.attributes)); }
};

RowsCase read_rows_case(OracleFile& file) {
    RowsCase c{.kind = file.word()};
    c.rows = file.word<int64_t>();
    c.columns = file.word<int64_t>();
    file.expect("options");
    const Shape matrix{c.rows, c.columns}, column{c.rows}, row{c.columns};
    Shape second = matrix, result = column;
    DataType second_type = DataType::f32;
    bool differentiable = true;
    if (c.kind == "smooth_l1") {
        c.op = {"smooth_l1_losses", {}, {{"beta", file.word<double>()}}};
    } else if (c.kind == "l2_normalisation") {
        c.op = {"l2_normalisation", {}, {{"epsilon", file.word<double>()}}};
        second = row;
        result = matrix;
    } else {
        const double alpha = file.word<double>(), gamma = file.word<double>();
        c.op = {"classification_losses", {}, {{"kind", c.kind}, {"alpha", alpha}, {"gamma", gamma}}};
        second = column;
        second_type = DataType::i32;
        differentiable = false;
    }
    const auto tensor = [&](const Shape& shape) {
        return Tensor(shape, file.array(size_t(reference::element_count(shape))));
    };
    c.op.inputs.push_back(tensor(matrix));
    c.op.inputs.push_back({tensor(second), second_type});
    c.dy = tensor(result);
    for (const Shape& shape : {result, matrix}) c.expected.push_back(tensor(shape));
    if (differentiable) c.expected.push_back(tensor(second));
    return c;
}

} // namespace

// Tolerance: 1e-5 of the largest element, or of the size of the terms where these cancel: a gradient of l2_normalisation is
// a difference of terms scale * dy / |x|, or a sum of dy * x / |x| over the rows; a loss is at least the logarithm of a sum
// near 1, which is exact to 2^-24 of 1.
TEST_F(PyTorchLosses, AreAlike) {
    std::map<std::string, double> worst;
    int count = 0;
    for (; cases->next(); ++count) {
        const RowsCase c = read_rows_case(*cases);
        SCOPED_TRACE(c.describe());
        std::vector<Tensor> actual{run(c.op)};
        const std::vector<int> wrt = c.expected.size() > 2 ? std::vector{0, 1} : std::vector{0};
        for (Tensor& gradient : run_gradients(c.op, c.dy, wrt)) actual.push_back(std::move(gradient));
        for (size_t i = 0; i < c.expected.size(); ++i) {
            double least = 0.1;
            if (c.kind == "l2_normalisation" && i == 1) {
                const Tensor &x = c.op.inputs[0].value, &scale = c.op.inputs[1].value;
                for (int64_t r = 0; r < c.rows; ++r) {
                    double squares = 0, largest = 0;
                    for (int64_t k = 0; k < c.columns; ++k) {
                        squares += x(r, k) * x(r, k);
                        largest = std::max(largest, std::abs(c.dy(r, k) * scale[k]));
                    }
                    least = std::max(least, largest / std::max(std::sqrt(squares), c.op.attributes.real("epsilon")));
                }
            }
            EXPECT_EQ(reference::mismatch(actual[i], c.expected[i], 1e-5, least), "") << "result " << i;
            const double size = std::max(reference::largest_magnitude(c.expected[i]), least);
            for (int64_t at = 0; at < actual[i].size(); ++at)
                worst[c.kind] = std::max(worst[c.kind], std::abs(actual[i][at] - c.expected[i][at]) / size);
        }
    }
    EXPECT_EQ(count, 200);
    for (const auto& [kind, error] : worst) std::cout << text("    ", kind, ": worst error ", error, "\n");
}

TEST_F(PyTorch, NormalisesAlike) {
    struct Errors {
        double largest = 0, of_terms = 0; // of well and of badly conditioned tensors
        int tensors = 0, badly_conditioned = 0;
    };
    std::map<std::string, std::map<std::string, Errors>> all;
    int count = 0;
    for (; cases->next(); ++count) {
        const NormalisationCase c = read_case(*cases);
        SCOPED_TRACE(c.describe());
        std::vector<Tensor> actual = normalised(c);
        if (c.results.size() > 4) {
            const std::vector<Tensor> statistics = updated(c, actual[4], actual[5]);
            std::copy(statistics.begin(), statistics.end(), actual.begin() + 4);
        }
        for (size_t i = 0; i < c.results.size(); ++i) {
            const Tensor& expected = c.results[i];
            const double least = least_part * c.terms[i], size = reference::largest_magnitude(expected);
            EXPECT_EQ(reference::mismatch(actual[i], expected, tolerance, least), "") << names_of_results[i];
            Errors& errors = all[c.kind][names_of_results[i]];
            ++errors.tensors;
            errors.badly_conditioned += size < least;
            double difference = 0;
            for (int64_t at = 0; at < expected.size(); ++at)
                difference = std::max(difference, std::abs(actual[i][at] - expected[at]));
            if (difference == 0) continue;
            double& worst = size < least ? errors.of_terms : errors.largest;
            worst = std::max(worst, difference / std::max(size, least));
        }
    }
    EXPECT_EQ(count, 350);
    for (const auto& [kind, tensors] : all)
        for (const auto& [tensor, errors] : tensors)
            std::cout << text("    ", kind, ", ", tensor, ": ", errors.tensors, " cases, worst error ", errors.largest, "; ",
                              errors.badly_conditioned, " badly conditioned, ", errors.of_terms, "\n");
}

} // namespace lemnos::test
