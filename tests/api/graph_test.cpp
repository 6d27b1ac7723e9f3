// Tensors, graphs and plans, with their mistakes.
#include "api.h"

#include <cmath>

class ApiTensor : public WithDevice {};

TEST_F(ApiTensor, BeginsWithZerosAndKeepsWhatIsWritten) {
    const Tensor made = tensor({2, 3});
    EXPECT_EQ(read(made), std::vector<float>(6, 0));
    write(made, {1, 2, 3, 4, 5, 6});
    EXPECT_EQ(read(made), (std::vector<float>{1, 2, 3, 4, 5, 6}));
    lem_dtype dtype{};
    EXPECT_OK(lem_tensor_dtype(made, &dtype));
    EXPECT_EQ(dtype, LEM_DTYPE_F32);
    int64_t shape[8] = {};
    int32_t rank = 0;
    EXPECT_OK(lem_tensor_shape(made, shape, 8, &rank));
    EXPECT_EQ(rank, 2);
    EXPECT_EQ(shape[0], 2);
    EXPECT_EQ(shape[1], 3);
    shape[1] = 77;
    EXPECT_OK(lem_tensor_shape(made, shape, 1, &rank)); // as much as there is room for
    EXPECT_EQ(rank, 2);
    EXPECT_EQ(shape[1], 77);
    EXPECT_OK(lem_tensor_shape(made, nullptr, 0, &rank));
    EXPECT_EQ(rank, 2);
}

TEST_F(ApiTensor, EveryType) {
    const std::pair<lem_dtype, int64_t> types[] = {
        {LEM_DTYPE_F32, 4}, {LEM_DTYPE_F16, 2}, {LEM_DTYPE_I32, 4}, {LEM_DTYPE_U8, 1}};
    for (const auto& [dtype, size] : types) {
        const Tensor made = tensor({3, 5}, dtype);
        int64_t bytes = 0;
        EXPECT_OK(lem_tensor_bytes(made, &bytes));
        EXPECT_EQ(bytes, 15 * size);
        std::vector<unsigned char> out(size_t(bytes), 0), in(size_t(bytes), 0);
        std::iota(in.begin(), in.end(), static_cast<unsigned char>(1));
        EXPECT_OK(lem_tensor_write(made, in.data(), bytes));
        EXPECT_OK(lem_tensor_read(made, out.data(), bytes));
        EXPECT_EQ(in, out);
    }
}

TEST_F(ApiTensor, ScalarsHaveRankZero) {
    Tensor scalar;
    ASSERT_OK(lem_tensor_create(device, LEM_DTYPE_F32, nullptr, 0, scalar.out()));
    write(scalar, {42});
    EXPECT_EQ(read(scalar), std::vector<float>{42});
}

TEST_F(ApiTensor, Mistakes) {
    Tensor made;
    const int64_t shape[] = {2, 0, 3}, negative[] = {-2}, huge[] = {INT64_MAX, INT64_MAX},
                  large[] = {int64_t(1) << 61}, nine[] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    EXPECT_FAILURE(lem_tensor_create(device, LEM_DTYPE_F32, shape, 3, made.out()), LEM_ERROR_INVALID_ARGUMENT,
                   "The extent 1 of the shape (0) is below 1.");
    EXPECT_FAILURE(lem_tensor_create(device, LEM_DTYPE_F32, negative, 1, made.out()),
                   LEM_ERROR_INVALID_ARGUMENT, "The extent 0 of the shape (-2) is below 1.");
    EXPECT_FAILURE(lem_tensor_create(device, LEM_DTYPE_F32, nine, 9, made.out()), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument rank (9) is above 8.");
    EXPECT_FAILURE(lem_tensor_create(device, LEM_DTYPE_F32, nine, -1, made.out()), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument rank (-1) is below 0.");
    EXPECT_FAILURE(lem_tensor_create(device, LEM_DTYPE_F32, nullptr, 2, made.out()),
                   LEM_ERROR_INVALID_ARGUMENT, "The argument shape is NULL.");
    EXPECT_FAILURE(
        lem_tensor_create(device, lem_dtype(5), shape, 1, made.out()), LEM_ERROR_INVALID_ARGUMENT,
        "The argument dtype (5) is none of LEM_DTYPE_F32 (1), LEM_DTYPE_F16 (2), LEM_DTYPE_I32 (16) and "
        "LEM_DTYPE_U8 (32).");
    EXPECT_FAILURE(lem_tensor_create(device, LEM_DTYPE_F32, huge, 2, made.out()), LEM_ERROR_INVALID_ARGUMENT,
                   "The size 9223372036854775807 x 9223372036854775807 does not fit 64 bits.");
    EXPECT_EQ(lem_tensor_create(device, LEM_DTYPE_F32, large, 1, made.out()), LEM_ERROR_INVALID_ARGUMENT);
    EXPECT_FAILURE_WITH(
        lem_tensor_create(device, LEM_DTYPE_U8, large, 1, made.out()), LEM_ERROR_OUT_OF_DEVICE_MEMORY,
        "The tensor u8 2305843009213693952 (2305843009213693952 bytes) is larger than one allocation of ");
    EXPECT_EQ(static_cast<lem_tensor*>(made), nullptr);

    made = tensor({4});
    float four[4] = {};
    EXPECT_FAILURE(lem_tensor_write(made, four, 12), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument bytes (12) is not the size that is needed (16).");
    EXPECT_FAILURE(lem_tensor_read(made, four, 20), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument bytes (20) is not the size that is needed (16).");
    EXPECT_FAILURE(lem_tensor_read(made, nullptr, 16), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument data is NULL.");
}

// ---- graphs -----------------------------------------------------------------------------------------------

TEST(ApiGraph, InfersShapes) {
    GraphMaker maker;
    const int32_t x = maker.input("x", {2, 8, 8, 3}), w = maker.input("w", {3, 3, 3, 16});
    const int32_t y = maker.op("conv2d", {x, w, -1}, R"({"stride": [2, 2], "padding": [1, 1, 1, 1]})");
    EXPECT_EQ(maker.shape(y), (std::vector<int64_t>{2, 4, 4, 16}));
    const Json graph = json([&](lem_text** out) { return lem_graph_json(maker.graph, out); });
    EXPECT_EQ(graph["nodes"].size(), 3u);
    EXPECT_EQ(graph["nodes"][size_t(y)]["op"], "conv2d"); // a value of a first output is the node's place
}

TEST(ApiGraph, FurtherResults) {
    GraphMaker maker;
    const int32_t x = maker.input("x", {2, 4, 4, 3});
    const int32_t y = maker.op("relu", {x});
    int32_t value = 77;
    EXPECT_OK(lem_graph_result(maker.graph, y, 0, &value));
    EXPECT_EQ(value, y);
    EXPECT_FAILURE(lem_graph_result(maker.graph, y, 1, &value), LEM_ERROR_INVALID_ARGUMENT,
                   "The operator relu has no result 1 (it has 1, counted from 0).");
    EXPECT_EQ(value, 0);
    EXPECT_FAILURE(lem_graph_result(maker.graph, x, -1, &value), LEM_ERROR_INVALID_ARGUMENT,
                   "The input x has no result -1 (it has 1, counted from 0).");
}

TEST(ApiGraph, Mistakes) {
    GraphMaker maker;
    const int32_t x = maker.input("x", {2, 3});
    int32_t value = 77;
    const auto op = [&](const char* name, std::vector<int32_t> inputs, const char* attributes) {
        return lem_graph_op(maker.graph, name, inputs.data(), int32_t(inputs.size()), attributes, &value);
    };
    EXPECT_FAILURE(op("rellu6", {x}, nullptr), LEM_ERROR_NOT_FOUND,
                   "There is no operator \"rellu6\". Did you mean \"relu6\"?");
    EXPECT_EQ(value, 0);
    EXPECT_FAILURE(op("quaternion_transform", {x}, nullptr), LEM_ERROR_NOT_FOUND,
                   "There is no operator \"quaternion_transform\".");
    EXPECT_FAILURE(op("activation_gradient", {x, x}, R"({"function": "relu"})"), LEM_ERROR_NOT_FOUND,
                   "The operator \"activation_gradient\" is for gradients alone and cannot be added.");
    EXPECT_FAILURE(op("leaky_relu", {x}, R"({"slop": 0.1})"), LEM_ERROR_INVALID_ARGUMENT,
                   "Operator leaky_relu has no attribute \"slop\". Did you mean \"slope\"?");
    EXPECT_FAILURE(op("leaky_relu", {x}, R"({"slope": 2})"), LEM_ERROR_INVALID_ARGUMENT,
                   "Operator leaky_relu: the attribute slope (2) is outside its range (0 to 1).");
    EXPECT_FAILURE(op("leaky_relu", {x}, R"({"slope": "steep"})"), LEM_ERROR_INVALID_ARGUMENT,
                   "Operator leaky_relu: the attribute slope must be a number (\"steep\" was given).");
    EXPECT_FAILURE_WITH(op("leaky_relu", {x}, R"({"slope": {"value": 1}})"), LEM_ERROR_INVALID_ARGUMENT,
                        "Operator leaky_relu: the attribute slope is an object");
    EXPECT_FAILURE_WITH(op("leaky_relu", {x}, R"({"slope": )"), LEM_ERROR_INVALID_ARGUMENT,
                        "Operator leaky_relu: the text is not JSON (at byte ");
    EXPECT_FAILURE_WITH(op("leaky_relu", {x}, "[1]"), LEM_ERROR_INVALID_ARGUMENT, "Operator leaky_relu: ");
    EXPECT_FAILURE(op("relu", {}, nullptr), LEM_ERROR_INVALID_ARGUMENT,
                   "Operator relu: 0 inputs were given (1 are needed).");
    EXPECT_FAILURE(op("relu", {-1}, nullptr), LEM_ERROR_INVALID_ARGUMENT,
                   "Operator relu: the input x must be given.");
    EXPECT_FAILURE(op("relu", {12}, nullptr), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument inputs (12) is no value of this graph (1 nodes).");
    EXPECT_FAILURE(op("relu", {INT32_MIN}, nullptr), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument inputs (-2147483648) is no value of this graph (1 nodes).");
    EXPECT_FAILURE(op("", {x}, nullptr), LEM_ERROR_INVALID_ARGUMENT, "The argument op is an empty text.");
    EXPECT_FAILURE(op("\xff\xfe", {x}, nullptr), LEM_ERROR_INVALID_ARGUMENT, "The argument op is not UTF-8.");
    EXPECT_FAILURE(lem_graph_op(maker.graph, "relu", &x, -1, nullptr, &value), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument input_count (-1) is below 0.");

    const int64_t extent = 4;
    EXPECT_FAILURE(lem_graph_input(maker.graph, "x", LEM_DTYPE_F32, &extent, 1, &value),
                   LEM_ERROR_INVALID_ARGUMENT, "The graph has a tensor named x already.");
    EXPECT_FAILURE(lem_graph_input(maker.graph, "", LEM_DTYPE_F32, &extent, 1, &value),
                   LEM_ERROR_INVALID_ARGUMENT, "The argument name is an empty text.");
    const Json graph = json([&](lem_text** out) { return lem_graph_json(maker.graph, out); });
    EXPECT_EQ(graph["nodes"].size(), 1u); // no mistake left anything behind
}

TEST(ApiGraph, DeepAttributesAreRefused) {
    GraphMaker maker;
    const int32_t x = maker.input("x", {2, 3});
    std::string deep = R"({"slope": )" + std::string(100000, '[') + std::string(100000, ']') + "}";
    int32_t value = 0;
    EXPECT_EQ(lem_graph_op(maker.graph, "leaky_relu", &x, 1, deep.c_str(), &value),
              LEM_ERROR_INVALID_ARGUMENT);
}

TEST(ApiGraph, GradientMistakesLeaveTheGraphAlone) {
    GraphMaker maker;
    const int32_t x = maker.input("x", {2, 3}), y = maker.op("relu", {x});
    int32_t value = 77;
    EXPECT_FAILURE(lem_graph_gradients(maker.graph, y, &x, 1, -1, &value), LEM_ERROR_INVALID_ARGUMENT,
                   "A gradient without a seed needs a loss of one element (f32 2 x 3 was given).");
    EXPECT_EQ(value, 0);
    EXPECT_FAILURE(lem_graph_gradients(maker.graph, y, &x, 0, -1, &value), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument wrt_count (0) is below 1.");
    EXPECT_FAILURE(lem_graph_gradients(maker.graph, 99, &x, 1, -1, &value), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument loss (99) is no value of this graph (2 nodes).");
    const Json graph = json([&](lem_text** out) { return lem_graph_json(maker.graph, out); });
    EXPECT_EQ(graph["nodes"].size(), 2u);
}

// ---- plans ------------------------------------------------------------------------------------------------

class ApiPlan : public WithDevice {
  protected:
    lem_result compile(lem_graph* graph, const std::vector<int32_t>& values,
                       const std::vector<lem_tensor*>& tensors) {
        return lem_plan_create(device, graph, values.data(), tensors.data(), int32_t(values.size()),
                               plan.out());
    }
    Plan plan;
};

// y = sum of seed * sigmoid(x); dy/dx = seed * s * (1 - s).
TEST_F(ApiPlan, GradientsRun) {
    GraphMaker maker;
    const int32_t x = maker.input("x", {5}), seed = maker.input("seed", {5}),
                  other = maker.input("other", {3});
    const int32_t y = maker.op("sigmoid", {x});
    const int32_t wrt[] = {x, other};
    int32_t dx[2] = {};
    ASSERT_OK(lem_graph_gradients(maker.graph, y, wrt, 2, seed, dx));
    const Tensor tx = tensor({5}), ts = tensor({5}), tg = tensor({5}), to = tensor({3});
    const std::vector<float> values{-2, -0.5f, 0, 1, 3}, seeds{1, 2, 3, 4, 5};
    write(tx, values);
    write(ts, seeds);
    write(to, {7, 7, 7});
    ASSERT_OK(compile(maker.graph, {x, seed, dx[0], dx[1]}, {tx, ts, tg, to}));
    ASSERT_OK(lem_plan_run(plan));
    const std::vector<float> gradient = read(tg);
    for (size_t i = 0; i < values.size(); ++i) {
        const double s = 1 / (1 + std::exp(-double(values[i])));
        EXPECT_NEAR(gradient[i], seeds[i] * s * (1 - s), 1e-5); // a few ulps of exp, times 5
    }
    EXPECT_EQ(read(to), std::vector<float>(3, 0)); // nothing depends on it
    int64_t workspace = -1;
    EXPECT_OK(lem_plan_workspace(plan, &workspace));
    EXPECT_GE(workspace, 0);
}

TEST_F(ApiPlan, ReplaysAllocateNothing) {
    GraphMaker maker;
    const int32_t x = maker.input("x", {256}), y = maker.op("tanh", {maker.op("relu", {x})});
    const Tensor in = tensor({256}), out = tensor({256});
    ASSERT_OK(compile(maker.graph, {x, y}, {in, out}));
    ASSERT_OK(lem_plan_run(plan));
    const Json before = json([&](lem_text** text) { return lem_device_counters_json(device, text); });
    for (int i = 0; i < 20; ++i) ASSERT_OK(lem_plan_run(plan));
    const Json after = json([&](lem_text** text) { return lem_device_counters_json(device, text); });
    for (const char* name : {"allocations", "pipelines", "descriptor_writes", "buffers", "memory_bytes"})
        EXPECT_EQ(before[name], after[name]) << name;
    EXPECT_GE(after["submissions"].get<int64_t>(), before["submissions"].get<int64_t>() + 20);
}

TEST_F(ApiPlan, Mistakes) {
    GraphMaker maker;
    const int32_t x = maker.input("x", {4}), z = maker.input("z", {4}), y = maker.op("add", {x, z});
    const Tensor a = tensor({4}), b = tensor({4}), c = tensor({4}), wrong = tensor({2, 2}),
                 integers = tensor({4}, LEM_DTYPE_I32);
    EXPECT_FAILURE_WITH(compile(maker.graph, {x, y}, {a, c}), LEM_ERROR_INVALID_ARGUMENT,
                        "is used but bound to no memory.");
    EXPECT_FAILURE(compile(maker.graph, {x, z, y}, {a, wrong, c}), LEM_ERROR_INVALID_ARGUMENT,
                   "The value 1 is f32 4, and its tensor is f32 2 x 2.");
    EXPECT_FAILURE(compile(maker.graph, {x, z, y}, {a, integers, c}), LEM_ERROR_INVALID_ARGUMENT,
                   "The value 1 is f32 4, and its tensor is i32 4.");
    EXPECT_FAILURE(compile(maker.graph, {x, z, y}, {a, b, a}), LEM_ERROR_INVALID_ARGUMENT,
                   "One tensor is bound to the values 0 and 2; a result needs a tensor of its own.");
    EXPECT_FAILURE(compile(maker.graph, {x, x, y}, {a, b, c}), LEM_ERROR_INVALID_ARGUMENT,
                   "The value 0 is bound twice.");
    EXPECT_FAILURE(compile(maker.graph, {x, z}, {a, b}), LEM_ERROR_INVALID_ARGUMENT,
                   "No result is bound to a tensor, so there is nothing to compute.");
    EXPECT_FAILURE(compile(maker.graph, {x, z, y}, {a, nullptr, c}), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument tensors is NULL.");
    EXPECT_FAILURE(compile(maker.graph, {x, z, 55}, {a, b, c}), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument values (55) is no value of this graph (3 nodes).");
    EXPECT_EQ(static_cast<lem_plan*>(plan), nullptr);

    Device other;
    ASSERT_OK(lem_device_open(nullptr, other.out()));
    Tensor foreign;
    const int64_t extent = 4;
    ASSERT_OK(lem_tensor_create(other, LEM_DTYPE_F32, &extent, 1, foreign.out()));
    EXPECT_FAILURE(compile(maker.graph, {x, z, y}, {a, b, foreign}), LEM_ERROR_INVALID_ARGUMENT,
                   "The tensor of value 2 is on another device than the plan.");
    EXPECT_OK(compile(maker.graph, {x, z, y}, {a, a, c})); // two inputs may share
}
