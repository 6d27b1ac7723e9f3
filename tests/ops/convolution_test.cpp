// conv2d and linear in all three directions against the double-precision reference: what is chosen for each shape, and every
// other kernel of the menu that fits.
#include "ops/convolution_menu.h"
#include "ops/harness.h"
#include "plan/plan.h"
#include "reference/convolution.h"
#include "reference/elementwise.h"

namespace lemnos::test {

struct Case {
    int64_t batch, height, width, channels, out, kernel_y, kernel_x, stride_y, stride_x, dilation_y, dilation_x;
    int64_t top, bottom, left, right, groups;
};

// Sums of up to some hundreds of products of numbers in [-1, 1] in f32: rounding stays below 2e-6 of the largest.
static constexpr double tolerance = 5e-6;
// The forms of Winograd round after they have scaled by up to 1/24 and 8; they stay below 2e-5.
static constexpr double loose_tolerance = 2e-5;

enum class Tiles { first, all };

// Runs `body`, which is told the kernel's row, with the choice forced to each kernel, and each way to cut it where all are asked for, that can compute one of the
// problems in `uses` and is not what computed it there.
template <typename Body>
static void with_other_kernels(const std::shared_ptr<Device>& device, const KernelUses& uses, Tiles tiles, const Body& body) {
    for (const ConvolutionKernel& row : all_convolution_kernels())
        for (size_t tile = 0;; ++tile) {
            RunOptions forced{.device = device, .kernels = std::make_shared<KernelChoices>(), .once = true};
            std::map<std::string, KernelChoice> wanted;
            for (const auto& [name, use] : uses) {
                const ConvolutionProblem problem = convolution_problem(name);
                EXPECT_EQ(to_string(problem), name);
                if (!computes(device->profile(), row, problem)) continue;
                const std::vector<KernelTile> ways = tiles_of(device->profile(), row, problem);
                if (tile >= ways.size()) continue;
                const KernelChoice choice{row.name, ways[tile].columns, ways[tile].rows};
                if (choice == use.choice) continue;
                wanted[name] = choice;
                forced.kernels->decide(name, {choice, choice});
            }
            if (!wanted.empty()) {
                SCOPED_TRACE(text(name_of(row.pass), " by ", to_string(wanted.begin()->second)));
                KernelUses taken;
                forced.uses = &taken;
                body(forced, row);
                for (const auto& [name, choice] : wanted) {
                    ASSERT_TRUE(taken.contains(name)) << name;
                    EXPECT_EQ(to_string(taken.at(name).choice), to_string(choice)) << name;
                }
            }
            if (tiles == Tiles::first || tile > 8) break; // no kernel has more
        }
}

static void check(RandomCases& random, const Case& c, int64_t max_storage_range = 0, Tiles tiles = Tiles::first) {
    SCOPED_TRACE(text(c.batch, "x", c.height, "x", c.width, "x", c.channels, " -> ", c.out, ", kernel ", c.kernel_y, "x", c.kernel_x,
                      ", stride ", c.stride_y, ",", c.stride_x, ", dilation ", c.dilation_y, ",", c.dilation_x, ", groups ", c.groups));
    const RunOptions options{.device = device(max_storage_range)};
    const Tensor x = random.uniform({c.batch, c.height, c.width, c.channels}, -1, 1);
    const Tensor w = random.uniform({c.kernel_y, c.kernel_x, c.channels / c.groups, c.out}, -1, 1);
    const Tensor bias = random.uniform({c.out}, -1, 1);
    const reference::Conv2d geometry{.stride_y = c.stride_y, .stride_x = c.stride_x, .dilation_y = c.dilation_y,
                                     .dilation_x = c.dilation_x, .padding = {c.top, c.bottom, c.left, c.right}, .groups = c.groups};
    const Tensor y = reference::conv2d(x, w, bias, geometry);
    const OpCase conv{"conv2d", {x, w, bias},
                      {{"stride", std::vector<int64_t>{c.stride_y, c.stride_x}},
                       {"padding", std::vector<int64_t>{c.top, c.bottom, c.left, c.right}},
                       {"dilation", std::vector<int64_t>{c.dilation_y, c.dilation_x}},
                       {"groups", c.groups}}};
    KernelUses uses;
    RunOptions chosen = options;
    chosen.uses = &uses;
    expect_near(run(conv, chosen), y, tolerance);
    with_other_kernels(options.device, uses, tiles,
                       [&](const RunOptions& forced, const ConvolutionKernel&) { expect_near(run(conv, forced), y, loose_tolerance); });
    OpCase bare = conv;
    bare.inputs.pop_back();
    expect_near(run(bare, options), reference::conv2d(x, w, {}, geometry), tolerance);
    const Tensor dy = random.uniform(y.shape, -1, 1);
    const auto expected = reference::conv2d_backward(x, w, dy, geometry);
    const std::vector<Tensor> gradients = run_gradients(conv, dy, {0, 1, 2}, chosen);
    expect_near(gradients[0], expected.x, tolerance);
    expect_near(gradients[1], expected.weights, tolerance);
    expect_near(gradients[2], expected.bias, tolerance);
    with_other_kernels(options.device, uses, tiles, [&](const RunOptions& forced, const ConvolutionKernel& row) {
        const bool winograd = row.pass == ConvolutionPass::filter_gradient && KernelChoices::named({"winograd"}, row.name);
        const std::vector<Tensor> others = run_gradients(conv, dy, {0, 1}, forced);
        expect_near(others[0], expected.x, loose_tolerance);
        expect_near(others[1], expected.weights, winograd ? loose_tolerance : tolerance);
    });
}

struct Conv2d : OpTest {};

TEST_F(Conv2d, Pointwise) {
    for (int64_t channels : {1, 3, 4, 8, 12, 16, 24, 65})
        for (int64_t out : {1, 7, 8, 16, 24, 40, 72, 129}) check(random, {2, 5, 3, channels, out, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1});
    check(random, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1});
    check(random, {3, 14, 14, 48, 8, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1});
    check(random, {1, 7, 7, 160, 264, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1});
}

TEST_F(Conv2d, PointwiseAtAStride) {
    check(random, {2, 9, 8, 16, 24, 1, 1, 2, 2, 1, 1, 0, 0, 0, 0, 1});
    check(random, {3, 7, 7, 8, 72, 1, 1, 2, 2, 1, 1, 0, 0, 0, 0, 1});      // no pixel between at the edges
    check(random, {1, 12, 5, 24, 8, 1, 1, 3, 1, 1, 1, 0, 0, 0, 0, 1});
    check(random, {2, 5, 13, 4, 16, 1, 1, 1, 4, 1, 1, 0, 0, 0, 0, 1});
    check(random, {2, 3, 2, 8, 8, 1, 1, 5, 5, 1, 1, 0, 0, 0, 0, 1});       // one pixel of an image
    check(random, {2, 8, 8, 16, 16, 1, 1, 2, 2, 1, 1, 0, 2, 0, 0, 1});     // results of padding alone: another kernel's
    check(random, {2, 9, 9, 16, 16, 1, 1, 2, 2, 1, 1, 1, 0, 1, 0, 1});
    check(random, {3, 6, 6, 6, 10, 1, 1, 2, 2, 1, 1, 0, 0, 0, 0, 1});      // neither in fours nor in eights
    check(random, {8, 64, 62, 64, 40, 1, 1, 2, 2, 1, 1, 0, 0, 0, 0, 1});   // x and dx are larger than the near caches
    check(random, {16, 6, 6, 16, 16, 1, 1, 2, 2, 1, 1, 0, 0, 0, 0, 1}, 16384); // cut over the batch
}

TEST_F(Conv2d, Dense) {
    check(random, {2, 28, 28, 1, 16, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1});
    check(random, {2, 17, 15, 3, 32, 3, 3, 2, 2, 1, 1, 0, 1, 0, 1, 1});
    check(random, {2, 5, 7, 8, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1});
    check(random, {1, 8, 9, 12, 10, 3, 2, 2, 1, 1, 1, 1, 0, 0, 1, 1});
    check(random, {2, 11, 10, 16, 24, 3, 3, 1, 1, 2, 2, 2, 2, 2, 2, 1});
    check(random, {1, 13, 17, 8, 8, 7, 7, 2, 3, 1, 1, 3, 3, 3, 3, 1});
    check(random, {1, 9, 9, 4, 8, 3, 3, 2, 2, 2, 2, 2, 1, 3, 2, 1});
    check(random, {1, 9, 12, 5, 6, 2, 3, 3, 2, 2, 3, 0, 2, 1, 4, 1});
    check(random, {2, 4, 4, 64, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1});
    check(random, {1, 4, 4, 3, 5, 4, 4, 1, 1, 1, 1, 0, 0, 0, 0, 1});
    check(random, {1, 2, 2, 3, 5, 1, 1, 4, 4, 1, 1, 0, 0, 0, 0, 1}); // most input pixels meet no tap
    check(random, {4, 40, 42, 64, 192, 3, 3, 2, 2, 1, 1, 0, 1, 1, 0, 1}); // x and dy are larger than the near caches
}

TEST_F(Conv2d, Groups) {
    check(random, {2, 6, 6, 16, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 2});
    check(random, {1, 7, 9, 6, 15, 5, 3, 3, 1, 1, 1, 2, 2, 1, 1, 3});
    check(random, {2, 5, 5, 8, 8, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 4});
}

TEST_F(Conv2d, Depthwise) {
    for (int64_t channels : {3, 8, 16, 24, 65, 72})
        for (int64_t stride : {1, 2}) check(random, {2, 9, 7, channels, channels, 3, 3, stride, stride, 1, 1, 1, 1, 1, 1, channels});
    check(random, {5, 2, 2, 48, 48, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 48});
    check(random, {2, 1, 1, 8, 8, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 8});
    check(random, {2, 1, 3, 8, 8, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 8});
    check(random, {1, 14, 14, 16, 16, 3, 3, 2, 2, 1, 1, 0, 1, 0, 1, 16});
    check(random, {1, 8, 11, 8, 8, 5, 5, 1, 1, 1, 1, 2, 2, 2, 2, 8});
    check(random, {1, 9, 8, 8, 8, 5, 3, 3, 2, 1, 1, 2, 1, 1, 0, 8});
    check(random, {1, 9, 8, 8, 8, 3, 3, 1, 1, 2, 2, 2, 2, 2, 2, 8});   // dilation
    check(random, {2, 6, 5, 4, 12, 3, 3, 2, 1, 1, 1, 1, 1, 1, 1, 4});   // three results a channel
    check(random, {1, 33, 34, 8, 8, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 8});  // more rows than a strip
    check(random, {1, 5, 5, 8, 8, 3, 3, 1, 1, 1, 1, 4, 4, 3, 5, 8});    // more padding than the kernel
    check(random, {3, 5, 5, 16, 16, 2, 2, 2, 2, 1, 1, 0, 0, 0, 0, 16}); // a row and a column that nothing meets
}

TEST_F(Conv2d, RandomShapes) {
    for (int i = 0; i < 40; ++i) {
        Case c{};
        c.groups = random.integer(1, 3);
        c.batch = random.integer(1, 3);
        c.channels = c.groups * random.integer(1, 9);
        c.out = c.groups * random.integer(1, 17);
        c.kernel_y = random.integer(1, 4), c.kernel_x = random.integer(1, 4);
        c.stride_y = random.integer(1, 3), c.stride_x = random.integer(1, 3);
        c.dilation_y = random.integer(1, 3), c.dilation_x = random.integer(1, 3);
        c.top = random.integer(0, 3), c.bottom = random.integer(0, 3), c.left = random.integer(0, 3), c.right = random.integer(0, 3);
        c.height = (c.kernel_y - 1) * c.dilation_y + random.integer(1, 8);
        c.width = (c.kernel_x - 1) * c.dilation_x + random.integer(1, 8);
        check(random, c);
    }
}

TEST_F(Conv2d, EveryWayToCutIt) {
    check(random, {2, 9, 7, 24, 72, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1}, 0, Tiles::all);
    check(random, {2, 9, 7, 24, 72, 1, 1, 2, 2, 1, 1, 0, 0, 0, 0, 1}, 0, Tiles::all);
    check(random, {2, 9, 8, 8, 40, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1}, 0, Tiles::all);
    check(random, {2, 9, 8, 3, 12, 3, 3, 1, 1, 1, 1, 0, 1, 0, 1, 1}, 0, Tiles::all); // neither in fours nor in eights
}

TEST_F(Conv2d, IsCutOverTheBatchWhereABindingIsSmall) {
    check(random, {16, 6, 6, 16, 16, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1}, 16384);
    check(random, {16, 6, 6, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 16}, 16384);
    check(random, {64, 8, 8, 4, 16, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1}, 32768); // a sum of 16 lane groups must fit, too
}

TEST_F(Conv2d, SamePaddingIsTensorFlows) {
    for (int64_t size : {7, 8})
        for (int64_t stride : {1, 2, 3}) {
            const Tensor x = random.uniform({1, size, size, 4}, -1, 1), w = random.uniform({3, 3, 4, 8}, -1, 1);
            const int64_t out = (size + stride - 1) / stride, pad = std::max<int64_t>((out - 1) * stride + 3 - size, 0);
            const reference::Conv2d geometry{.stride_y = stride, .stride_x = stride,
                                             .padding = {pad / 2, pad - pad / 2, pad / 2, pad - pad / 2}};
            expect_near(run({"conv2d", {x, w}, {{"stride", std::vector<int64_t>{stride, stride}}, {"same", int64_t(1)}}}),
                        reference::conv2d(x, w, {}, geometry), tolerance);
        }
}

TEST_F(Conv2d, AppliesAnActivation) {
    const Tensor x = random.uniform({2, 5, 5, 8}, -2, 2), w = random.uniform({3, 3, 8, 16}, -1, 1);
    const reference::Conv2d geometry{.padding = {1, 1, 1, 1}};
    const Tensor linear = reference::conv2d(x, w, {}, geometry), dy = random.uniform(linear.shape, -1, 1);
    const OpCase conv{"conv2d", {x, w}, {{"padding", std::vector<int64_t>{1, 1, 1, 1}}, {"activation", std::string("relu6")}}};
    expect_near(run(conv), reference::activate(reference::relu6(), linear), tolerance);
    const Tensor masked = reference::activate_backward(reference::relu6(), linear, dy);
    const auto expected = reference::conv2d_backward(x, w, masked, geometry);
    const auto gradients = run_gradients(conv, dy, {0, 1});
    expect_near(gradients[0], expected.x, tolerance);
    expect_near(gradients[1], expected.weights, tolerance);
}

// y = activation(conv + bias + residual) on every kernel that takes one; the residual's gradient is the result's.
TEST_F(Conv2d, AddsAResidual) {
    const struct {
        Shape x, filter;
        int64_t groups;
        int64_t max_storage_range = 0;
    } cases[] = {{{2, 5, 5, 8}, {1, 1, 8, 16}, 1},  // pointwise
                 {{2, 5, 5, 6}, {1, 1, 6, 9}, 1},   // direct
                 {{1, 7, 6, 8}, {3, 3, 8, 24}, 1},
                 {{2, 4, 4, 6}, {3, 3, 3, 10}, 2},  // in groups
                 {{16, 6, 6, 16}, {1, 1, 16, 16}, 1, 16384}};
    for (const auto& c : cases)
        for (bool biased : {false, true}) {
            SCOPED_TRACE(text(to_string(c.x), " by ", to_string(c.filter), biased ? ", bias" : ""));
            const RunOptions options{.device = device(c.max_storage_range)};
            const int64_t pad = c.filter[0] / 2;
            const Tensor x = random.uniform(c.x, -1, 1), w = random.uniform(c.filter, -1, 1);
            const Tensor bias = biased ? random.uniform({c.filter[3]}, -1, 1) : Tensor();
            reference::Conv2d geometry{.padding = {pad, pad, pad, pad}, .groups = c.groups};
            Tensor sum = reference::conv2d(x, w, bias, geometry);
            const Tensor residual = random.uniform(sum.shape, -2, 2), dy = random.uniform(sum.shape, -1, 1);
            for (int64_t i = 0; i < sum.size(); ++i) sum[i] += residual[i];
            OpCase conv{"conv2d", {x, w, bias, residual},
                        {{"padding", std::vector<int64_t>(4, pad)}, {"groups", c.groups}, {"activation", std::string("relu6")}}};
            KernelUses uses;
            RunOptions chosen = options;
            chosen.uses = &uses;
            const Tensor y = reference::activate(reference::relu6(), sum);
            expect_near(run(conv, chosen), y, tolerance);
            with_other_kernels(options.device, uses, Tiles::first,
                               [&](const RunOptions& forced, const ConvolutionKernel&) { expect_near(run(conv, forced), y, loose_tolerance); });
            const Tensor masked = reference::activate_backward(reference::relu6(), sum, dy);
            const auto gradients = run_gradients(conv, dy, {0, 1, 3}, options);
            const auto expected = reference::conv2d_backward(x, w, masked, geometry);
            expect_near(gradients[0], expected.x, tolerance);
            expect_near(gradients[1], expected.weights, tolerance);
            expect_near(gradients[2], masked, tolerance);
        }
}

// The input's gradient and a residual on every kernel, also where most pixels meet no tap.
TEST_F(Conv2d, AddsAResidualToTheInputsGradient) {
    const struct {
        Shape x, filter;
        int64_t stride, groups = 1, max_storage_range = 0;
    } cases[] = {{{2, 5, 5, 16}, {1, 1, 16, 8}, 1},  // pointwise
                 {{3, 6, 7, 8}, {1, 1, 8, 24}, 3},   // most pixels meet no tap
                 {{2, 9, 8, 16}, {3, 3, 16, 8}, 1},  // Winograd's form
                 {{1, 7, 6, 9}, {3, 3, 9, 7}, 2},
                 {{2, 4, 4, 6}, {3, 3, 3, 10}, 1, 2},
                 {{16, 6, 6, 16}, {1, 1, 16, 16}, 1, 1, 16384}};
    for (const auto& c : cases) {
        SCOPED_TRACE(text(to_string(c.x), " by ", to_string(c.filter), ", stride ", c.stride));
        const int64_t pad = c.filter[0] / 2;
        const reference::Conv2d geometry{
            .stride_y = c.stride, .stride_x = c.stride, .padding = {pad, pad, pad, pad}, .groups = c.groups};
        const Tensor x = random.uniform(c.x, -1, 1), w = random.uniform(c.filter, -1, 1), residual = random.uniform(c.x, -2, 2);
        const Tensor dy = random.uniform(reference::conv2d(x, w, {}, geometry).shape, -1, 1);
        Tensor expected = reference::conv2d_backward(x, w, dy, geometry).x;
        for (int64_t i = 0; i < expected.size(); ++i) expected[i] += residual[i];
        const OpCase gradient{"conv2d_input_gradient", {dy, w, residual},
                              {{"stride", std::vector<int64_t>{c.stride, c.stride}},
                               {"padding", std::vector<int64_t>(4, pad)},
                               {"groups", c.groups},
                               {"size", std::vector<int64_t>{c.x[1], c.x[2]}}}};
        KernelUses uses;
        RunOptions options{.device = device(c.max_storage_range)};
        options.uses = &uses;
        expect_near(run(gradient, options), expected, tolerance);
        with_other_kernels(options.device, uses, Tiles::first, [&](const RunOptions& forced, const ConvolutionKernel&) {
            expect_near(run(gradient, forced), expected, loose_tolerance);
        });
    }
}

// Of a large tensor that several convolutions read: each adds its part to that of those after it, without a pass of its own; a
// depthwise one cannot.
TEST_F(Conv2d, SumsTheGradientsOfWhatSeveralRead) {
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {16, 32, 64, 8}}), w = graph.input("w", {DataType::f32, {1, 1, 8, 8}});
    const Value wide = graph.input("wide", {DataType::f32, {3, 3, 8, 8}}), own = graph.input("own", {DataType::f32, {3, 3, 1, 8}});
    const Attributes same{{"padding", std::vector<int64_t>(4, 1)}};
    Attributes by_channel = same;
    by_channel.set("groups", int64_t(8));
    const Value sum = graph.add("add", {graph.add("conv2d", {graph.add("conv2d", {x, wide}, same), w}), x});
    const Value y = graph.add("add", {graph.add("conv2d", {x, own}, by_channel), sum});
    const Value dy = graph.input("dy", {DataType::f32, {16, 32, 64, 8}});
    const size_t forward = graph.nodes().size();
    const Value dx = gradients(graph, y, std::vector{x}, dy)[0];
    int sums = 0;
    for (size_t i = forward; i < graph.nodes().size(); ++i) sums += graph.nodes()[i].op && graph.nodes()[i].op->name == std::string("add");
    EXPECT_EQ(sums, 1); // the depthwise one's, which comes first and adds to dy

    const Tensor image = random.uniform({16, 32, 64, 8}, -1, 1), g = random.uniform({16, 32, 64, 8}, -1, 1);
    const Tensor one = random.uniform({1, 1, 8, 8}, -1, 1), nine = random.uniform({3, 3, 8, 8}, -1, 1);
    const Tensor channels = random.uniform({3, 3, 1, 8}, -1, 1);
    const reference::Conv2d padded{.padding = {1, 1, 1, 1}};
    reference::Conv2d grouped = padded;
    grouped.groups = 8;
    const Tensor between = reference::conv2d(image, nine, {}, padded);
    Tensor expected = reference::conv2d_backward(image, nine, reference::conv2d_backward(between, one, g, {}).x, padded).x;
    const Tensor own_part = reference::conv2d_backward(image, channels, g, grouped).x;
    for (int64_t i = 0; i < expected.size(); ++i) expected[i] += own_part[i] + g[i];
    const auto results = run_graph(graph, {{x, image}, {w, one}, {wide, nine}, {own, channels}, {dy, g}}, {dx});
    expect_near(results[0], expected, tolerance);
}

// The sum of several convolutions takes one tensor: each lies where the one before it lay, if nobody else reads that.
TEST_F(Conv2d, TheSumTakesItsResidualsMemory) {
    Graph graph;
    const Value x = graph.input("x", {DataType::f32, {1, 4, 4, 8}}), w = graph.input("w", {DataType::f32, {1, 1, 8, 8}});
    const Value first = graph.add("conv2d", {x, w}), second = graph.add("conv2d", {x, w, {}, first});
    const Value third = graph.add("conv2d", {x, w, {}, second}), seen = graph.add("add", {second, third});
    const Value last = graph.add("conv2d", {x, w, {}, seen});
    const auto bytes = [&](std::vector<Value> results) {
        return Plan::estimate(device()->profile(), graph, results).workspace_bytes;
    };
    const int64_t tensor = 4 * 4 * 8 * 4;
    EXPECT_EQ(bytes({second}), tensor);     // the first; the second is bound
    EXPECT_EQ(bytes({third}), tensor);      // the second lies on the first
    EXPECT_EQ(bytes({second, third}), tensor); // the first alone
    EXPECT_EQ(bytes({last}), 3 * tensor);   // the second is seen by others than the third
    const Tensor pixels = random.uniform({1, 4, 4, 8}, -1, 1), weights = random.uniform({1, 1, 8, 8}, -1, 1);
    const Tensor once = reference::conv2d(pixels, weights, {}, {});
    const auto results = run_graph(graph, {{x, pixels}, {w, weights}}, {third, last});
    const auto times = [&](double factor) {
        Tensor scaled = once;
        for (double& value : scaled.data) value *= factor;
        return scaled;
    };
    expect_near(results[0], times(3), tolerance);
    expect_near(results[1], times(6), tolerance);
    expect_near(run_graph(graph, {{x, pixels}, {w, weights}}, {last})[0], times(6), tolerance);
}

TEST_F(Conv2d, RefusesAResidualThatDoesNotFit) {
    const Tensor x(Shape{1, 4, 4, 6});
    EXPECT_EQ(refusal({"conv2d", {x, Tensor(Shape{1, 1, 6, 8}), Tensor(), Tensor(Shape{1, 4, 4, 6})}}),
              "Operator conv2d: the input residual (f32 1 x 4 x 4 x 6) is not of the result's type and shape (f32 1 x 4 x 4 x 8).");
    EXPECT_EQ(refusal({"conv2d", {x, Tensor(Shape{1, 1, 1, 6}), Tensor(), x}, {{"groups", int64_t(6)}}}),
              "Operator conv2d: a convolution of each channel by itself (6 groups) takes no residual.");
}

TEST_F(Conv2d, RefusesWithASentence) {
    const Tensor x(Shape{1, 4, 4, 6}), w(Shape{3, 3, 4, 8});
    EXPECT_EQ(refusal({"conv2d", {x, w}}),
              "Operator conv2d: the filter (3 x 3 x 4 x 8, which is kernel height x kernel width x channels in / groups x "
              "channels out) has 4 channels in (6 are needed for x, 1 x 4 x 4 x 6).");
    EXPECT_EQ(refusal({"conv2d", {x, Tensor(Shape{5, 5, 6, 8})}}),
              "Operator conv2d: the filter (5 x 5 x 6 x 8) does not fit into x (1 x 4 x 4 x 6) with this padding and dilation.");
    EXPECT_NE(refusal({"conv2d", {x, Tensor(Shape{3, 3, 6, 8})}, {{"groups", int64_t(4)}}}), "");
    EXPECT_NE(refusal({"conv2d", {x, Tensor(Shape{3, 3, 6, 8}), Tensor(Shape{7})}}), "");
}

struct Linear : OpTest {};

TEST_F(Linear, MatchesTheReferenceInAllDirections) {
    for (const auto& [rows, features, channels] : {std::array<int64_t, 3>{1, 1, 1}, {5, 16, 10}, {33, 65, 129}, {128, 256, 10}, {7, 12, 24}}) {
        const Tensor x = random.uniform({rows, features}, -1, 1), w = random.uniform({features, channels}, -1, 1);
        const Tensor bias = random.uniform({channels}, -1, 1), dy = random.uniform({rows, channels}, -1, 1);
        const OpCase linear{"linear", {x, w, bias}};
        expect_near(run(linear), reference::linear(x, w, bias), tolerance);
        const auto gradients = run_gradients(linear, dy, {0, 1, 2});
        const auto expected = reference::linear_backward(x, w, dy);
        expect_near(gradients[0], expected.x, tolerance);
        expect_near(gradients[1], expected.weights, tolerance);
        expect_near(gradients[2], expected.bias, tolerance);
    }
}

} // namespace lemnos::test
