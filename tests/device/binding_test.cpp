// What a plan may be bound to, and how it is cut where one binding cannot cover a tensor.
#include "device/device_test.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lemnos::test {
namespace {

constexpr ErrorCode invalid = ErrorCode::invalid_argument;

struct PlanBinding : DeviceTest {
    void SetUp() override {
        DeviceTest::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        device = open();
    }
    void TearDown() override {
        a = b = {};
        device.reset();
        DeviceTest::TearDown();
    }
    void expect_bad(std::initializer_list<std::string> parts, const Bindings& bindings) {
        const int64_t bytes = device->counters().memory_bytes;
        expect_refusal(invalid, parts, [&] { Plan::compile(device, graph, bindings); });
        EXPECT_EQ(device->counters().memory_bytes, bytes);
    }
    std::shared_ptr<Device> device;
    Graph graph;
    Value x = graph.input("x", {DataType::f32, {100}});
    Value y = graph.add("relu", {x}, {}, "first");
    BufferView a, b;
};

struct PlanSlicing : DeviceTest {
    std::shared_ptr<Device> narrow(int64_t range) { return open({.cache_on_disk = false, .max_storage_range = range}); }
};

// relu(x) * relu(x), as the device computes it in slices.
std::vector<float> squares(const std::shared_ptr<Device>& device, const Shape& shape, const std::vector<float>& values,
                           int64_t* dispatches) {
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, shape}), r = graph.add("relu", {x}), y = graph.add("mul", {r, r});
    const BufferView a = upload(device, values), b = make_view(device, values.size());
    const auto plan = Plan::compile(device, graph, {{x, a}, {y, b}});
    plan->run();
    *dispatches = plan->dispatches();
    return download(b);
}

} // namespace

TEST_F(PlanBinding, IsChecked) {
    a = upload(device, counting(100));
    b = make_view(device, 100);
    expect_bad({"The tensor x (node 0) is used but bound to no memory."}, {{y, b}});
    expect_bad({"The value relu first (node 1) is bound to no memory."}, {{x, a}, {y, BufferView{}}});
    expect_bad({"The value tensor x (node 0) (f32 100, 400 bytes) is bound to a range of 399 bytes."},
               {{x, {a.buffer, 0, 399}}, {y, b}});
    expect_bad({"is bound to a range of -1 bytes"}, {{x, {a.buffer, 0, -1}}, {y, b}});
    expect_bad({"is bound to 400 bytes at offset 256, which its buffer (512 bytes) does not hold."},
               {{x, {a.buffer, 256, 400}}, {y, b}});
    expect_bad({"does not hold"}, {{x, {a.buffer, -256, 400}}, {y, b}});
    expect_bad({"does not hold"}, {{x, {a.buffer, 256, INT64_MAX}}, {y, b}});
    expect_bad({"The graph has no value 2:0 (2 nodes)."}, {{x, a}, {{2, 0}, b}});
    expect_bad({"The graph has no value 1:1"}, {{x, a}, {{1, 1}, b}});
    expect_bad({"is bound to a buffer for copies"},
               {{x, {Buffer::create(device, BufferKind::upload, 400, "mapped"), 0, 400}}, {y, b}});
    const BufferView big = make_view(device, 300);
    if (device->profile().storage_alignment > 4)
        expect_bad({text("is bound at offset 4 (a multiple of ", device->profile().storage_alignment, " is needed).")},
                   {{x, {big.buffer, 4, 400}}, {y, b}});
    expect_bad({"belongs to another device"}, {{x, upload(open(), counting(100))}, {y, b}});
    EXPECT_NO_THROW(Plan::compile(device, graph, {{x, a}, {y, b}}));
}

TEST_F(PlanBinding, MayShareABuffer) {
    const int64_t step = std::max<int64_t>(device->profile().storage_alignment, 512);
    const auto buffer = Buffer::create(device, BufferKind::device, 2 * step, "arena");
    a = {buffer, 0, 400};
    b = {buffer, step, 400};
    a.write(counting(100, -50).data());
    const std::vector<float> guard(size_t(step - 400) / 4, 7.0f);
    BufferView{buffer, 400, step - 400}.write(guard.data());
    Plan::compile(device, graph, {{x, a}, {y, b}})->run();
    const auto result = download(b);
    for (size_t i = 0; i < 100; ++i) EXPECT_EQ(result[i], std::max(0.0f, float(i) - 50));
    EXPECT_EQ(download({buffer, 400, step - 400}), guard);
}

// Whoever keeps something that was computed from a buffer sees by the count that it is out of date.
TEST_F(PlanBinding, IsCountedWhereItIsWritten) {
    a = make_view(device, 100);
    b = make_view(device, 100);
    EXPECT_EQ(a.buffer->writes(), 0);
    a.write(counting(100).data());
    EXPECT_EQ(a.buffer->writes(), 1);
    const auto plan = Plan::compile(device, graph, {{x, a}, {y, b}});
    EXPECT_EQ(b.buffer->writes(), 0) << "compiling writes nothing";
    for (int run = 1; run <= 2; ++run) {
        plan->run();
        EXPECT_EQ(b.buffer->writes(), run);
    }
    download(a);
    EXPECT_EQ(a.buffer->writes(), 1) << "nor does reading";
    device->fill(*a.buffer, 0, 400, 0);
    EXPECT_EQ(a.buffer->writes(), 2);
    // A result that is its argument in another shape arrives by a copy.
    const Value flat = graph.add("reshape", {x}, {{"shape", std::vector<int64_t>{4, 25}}});
    Plan::compile(device, graph, {{x, a}, {flat, b}})->run();
    EXPECT_EQ(b.buffer->writes(), 3);
}

TEST_F(PlanBinding, OfNothingIsAnEmptyPlan) {
    const auto plan = Plan::compile(device, graph, {});
    EXPECT_EQ(plan->dispatches(), 0);
    EXPECT_EQ(plan->run(), device->last_ticket());
    device->wait_all();
    EXPECT_EQ(Plan::compile(device, graph, {{x, make_view(device, 100)}})->dispatches(), 0) << "a leaf alone";
}

TEST_F(PlanBinding, LeavesOutWhatNoOutputNeeds) {
    graph.add("tanh", {y});
    a = upload(device, counting(100));
    b = make_view(device, 100);
    EXPECT_EQ(Plan::compile(device, graph, {{x, a}, {y, b}})->dispatches(), 1);
}

TEST_F(PlanBinding, InTheMiddleKeepsTheMiddle) {
    const Value z = graph.add("scale", {y}, {{"factor", 2.0}});
    a = upload(device, counting(100));
    b = make_view(device, 100);
    const BufferView c = make_view(device, 100);
    Plan::compile(device, graph, {{x, a}, {y, b}, {z, c}})->run();
    EXPECT_EQ(download(b), counting(100));
    EXPECT_EQ(download(c), counting(100, 0, 2));
}

TEST_F(PlanBinding, OfAReshapeCopiesOrSharesMemory) {
    const Value flat = graph.add("reshape", {y}, {{"shape", std::vector<int64_t>{4, 25}}});
    const Value again = graph.add("reshape", {flat}, {{"shape", std::vector<int64_t>{100}}});
    const Value z = graph.add("scale", {again}, {{"factor", 2.0}});
    a = upload(device, counting(100));
    b = make_view(device, 100);
    const auto unbound = Plan::compile(device, graph, {{x, a}, {z, b}});
    EXPECT_EQ(unbound->dispatches(), 2) << "a reshape costs nothing";
    EXPECT_EQ(unbound->workspace_bytes(), 512);
    unbound->run();
    EXPECT_EQ(download(b), counting(100, 0, 2));

    const BufferView c = make_view(device, 100), d = make_view(device, 100);
    Plan::compile(device, graph, {{x, a}, {flat, c}, {again, d}})->run();
    EXPECT_EQ(download(c), counting(100));
    EXPECT_EQ(download(d), counting(100));

    // Bound to the memory of what it is a view of: there is nothing to copy.
    const BufferView e = make_view(device, 100);
    Plan::compile(device, graph, {{x, a}, {y, e}, {flat, e}, {z, b}})->run();
    EXPECT_EQ(download(e), counting(100));
    EXPECT_EQ(download(b), counting(100, 0, 2));

    // The view of an input that is bound.
    Graph views;
    const Value in = views.input("in", {DataType::f32, {100}});
    const Value view = views.add("reshape", {in}, {{"shape", std::vector<int64_t>{10, 10}}});
    const Value out = views.add("relu", {view});
    Plan::compile(device, views, {{in, a}, {view, c}, {out, d}})->run();
    EXPECT_EQ(download(c), counting(100));
    EXPECT_EQ(download(d), counting(100));
}

// ---- slices --------------------------------------------------------------------------------------------------------

TEST_F(PlanSlicing, CutsSeparableOperators) {
    const auto whole = open();
    for (int64_t features : {64, 67, 1, 1000})
        for (int64_t batch : {1, 2, 5, 64, 129}) {
            const size_t count = size_t(features * batch);
            const auto values = counting(count, -float(count) / 3, 1);
            int64_t dispatches = 0;
            const auto expected = squares(whole, {batch, features}, values, &dispatches);
            EXPECT_EQ(dispatches, 2);
            const auto device = narrow(16384);
            SCOPED_TRACE(text(batch, " x ", features));
            try {
                EXPECT_EQ(squares(device, {batch, features}, values, &dispatches), expected);
                const int64_t least = divide_up(int64_t(count) * 4, 16384);
                EXPECT_GE(dispatches, 2 * least);
            } catch (const Error& error) { // slices must begin where a binding may
                EXPECT_EQ(error.code(), ErrorCode::unsupported);
                EXPECT_GT(std::lcm(features * 4, device->profile().storage_alignment), 16384) << error.what();
                EXPECT_NE(std::string(error.what()).find("touches"), std::string::npos) << error.what();
            }
        }
}

TEST_F(PlanSlicing, RefusesWhatCannotBeCut) {
    const auto device = narrow(16384);
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {1, 5000}}), y = graph.add("relu", {x});
    const BufferView a = make_view(device, 5000), b = make_view(device, 5000);
    expect_refusal(ErrorCode::unsupported,
                   {"Operator relu (node 1) touches 20000 bytes of tensor x (node 0) at once, and one binding of this "
                    "device covers 16384 bytes; use a smaller batch."},
                   [&] { Plan::compile(device, graph, {{x, a}, {y, b}}); });
    Graph fixed;
    const Value c = fixed.add("constant", {}, {{"shape", std::vector<int64_t>{8, 1000}}, {"value", 1.0}});
    expect_refusal(ErrorCode::unsupported, {"Operator constant (node 0) touches 32000 bytes"},
                   [&] { Plan::compile(device, fixed, {{c, make_view(device, 8000)}}); });
    EXPECT_EQ(device->counters().pipelines, 0);
}

TEST_F(PlanSlicing, HoldsTheRangeExactly) {
    const auto device = narrow(16384);
    int64_t dispatches = 0;
    squares(device, {1, 4096}, counting(4096), &dispatches);
    EXPECT_EQ(dispatches, 2);
    squares(device, {2, 4096}, counting(8192), &dispatches);
    EXPECT_EQ(dispatches, 4);
}

} // namespace lemnos::test
