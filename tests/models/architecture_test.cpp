// Architectures against published counts.
#include "graph/json.h"
#include "models/architecture.h"

#include <gtest/gtest.h>

#include <cmath>

namespace lemnos {

static Summary mobilenet(double width, int64_t resolution = 224, int64_t classes = 1000) {
    return summarise(build_architecture("mobilenet_v2", {{"width", width}, {"resolution", resolution}, {"classes", classes}}));
}

TEST(MobileNetV2, HasThePublishedCounts) {
    const struct {
        double width;
        int64_t resolution, parameters, macs;
    } rows[] = {{1.0, 224, 3504872, 300774272}, {1.4, 224, 6108776, 582195824}, {1.3, 224, 5386792, 509374560},
                {0.75, 224, 2636424, 209069792}, {0.5, 224, 1968680, 97131840}, {0.35, 224, 1677128, 59285808},
                {1.0, 192, 3504872, 221316608}, {1.0, 160, 3504872, 154083200}, {1.0, 128, 3504872, 99074048},
                {1.0, 96, 3504872, 56289152}};
    for (const auto& row : rows) {
        const Summary summary = mobilenet(row.width, row.resolution);
        EXPECT_EQ(summary.parameters, row.parameters) << row.width << " at " << row.resolution;
        EXPECT_EQ(summary.macs, row.macs) << row.width << " at " << row.resolution;
    }
    EXPECT_EQ(mobilenet(1.0, 224, 1001).parameters, 3506153);
}

TEST(MobileNetV2, HasThePublishedLayers) {
    const Summary summary = mobilenet(1.0);
    const std::pair<int64_t, int64_t> blocks[] = {
        {928, 10838016},    {896, 10035200},    {5136, 29202432},   {8832, 25740288},   {10000, 15466752},
        {14848, 10988544},  {14848, 10988544},  {21056, 7564032},   {54272, 10311168},  {54272, 10311168},
        {54272, 10311168},  {66624, 12719616},  {118272, 22692096}, {118272, 22692096}, {155264, 15607872},
        {320000, 15476160}, {320000, 15476160}, {473920, 23002560}, {412160, 20070400}};
    ASSERT_GE(summary.layers.size(), std::size(blocks));
    for (size_t i = 0; i < std::size(blocks); ++i) {
        EXPECT_EQ(summary.layers[i].name, "features." + std::to_string(i));
        EXPECT_EQ(summary.layers[i].parameters, blocks[i].first) << summary.layers[i].name;
        EXPECT_EQ(summary.layers[i].macs, blocks[i].second) << summary.layers[i].name;
    }
}

TEST(MobileNetV2, SmallPreset) {
    const Summary summary = summarise(build_architecture("mobilenet_v2", {{"preset", std::string("small28")}, {"width", 0.35},
                                                                          {"channels", int64_t(1)}, {"classes", int64_t(10)}}));
    EXPECT_EQ(summary.parameters, 281674);
    EXPECT_EQ(summary.macs, 3018544);
}

TEST(MobileNetV2, RefusesWithASentence) {
    const auto refusal = [](Attributes options) -> std::string {
        try {
            build_architecture("mobilenet_v2", std::move(options));
        } catch (const Error& error) {
            return error.what();
        }
        return "";
    };
    EXPECT_EQ(refusal({{"width", 0.0}}), "Model mobilenet_v2: the width (0) must be above 0.");
    EXPECT_EQ(refusal({{"widht", 1.0}}), "Model mobilenet_v2 has no attribute \"widht\". Did you mean \"width\"?");
    EXPECT_EQ(refusal({{"strides", std::vector<int64_t>{1, 2}}}), "Model mobilenet_v2: 2 stage strides were given (7 are needed).");
    EXPECT_THROW(build_architecture("mobilnet", {}), Error);
    try {
        build_architecture("vgg", {});
        ADD_FAILURE();
    } catch (const Error& error) {
        EXPECT_STREQ(error.what(),
                     "There is no model \"vgg\". There are mobilenet_v1, mobilenet_v2, resnet18, resnet50, resnet152, resnet20_cifar, "
                     "resnet56_cifar, wrn, inception_v3, squeezenet1_1, ssdlite_mobilenet_v1, ssdlite_mobilenet_v2, ssd300, "
                     "ssd512, yolov2.");
    }
}

// ../shared/spec/mobilenet-and-detectors.md, section 3.5: parameters with biases, gammas and betas; MACs of convolutions and
// linear layers.
TEST(Architectures, HaveThePublishedCounts) {
    const auto number = [](int64_t value) { return AttributeValue(value); };
    const struct {
        const char* name;
        Attributes options;
        int64_t parameters, macs;
    } rows[] = {{"mobilenet_v1", {}, 4231976, 568740352},
                {"mobilenet_v1", {{"width", 0.75}}, 2585560, 0},
                {"mobilenet_v1", {{"width", 0.5}}, 1331592, 0},
                {"mobilenet_v1", {{"width", 0.25}}, 470072, 0},
                {"resnet18", {}, 11689512, 1814073344},
                {"resnet50", {}, 25557032, 4089184256},
                {"resnet50", {{"stride_in", std::string("1x1")}}, 25557032, 3857973248},
                {"resnet152", {}, 60192808, 11513626624},
                {"inception_v3", {}, 23834568, 5713216096},
                {"inception_v3", {{"auxiliary", number(1)}}, 27161264, 0},
                {"wrn", {}, 2748890, 392612352},
                {"wrn", {{"classes", number(100)}}, 2772020, 392635392},
                {"wrn", {{"depth", number(28)}, {"width", number(10)}}, 36479194, 5243328768},
                {"wrn", {{"depth", number(28)}, {"width", number(10)}, {"classes", number(100)}}, 36536884, 0},
                {"wrn", {{"depth", number(16)}, {"width", number(8)}}, 10961370, 0},
                {"wrn", {{"depth", number(22)}, {"width", number(8)}}, 17158106, 0},
                {"wrn", {{"depth", number(40)}, {"width", number(4)}}, 8949210, 0},
                {"wrn", {{"depth", number(16)}, {"width", number(10)}}, 17116634, 0},
                {"squeezenet1_1", {}, 1235496, 0},
                {"resnet20_cifar", {}, 269722, 0},
                {"resnet20_cifar", {{"shortcut", std::string("projection")}}, 272474, 40813184}};
    for (const auto& row : rows) {
        SCOPED_TRACE(std::string(row.name) + describe_options(row.options));
        const Summary summary = summarise(build_architecture(row.name, row.options));
        EXPECT_EQ(summary.parameters, row.parameters);
        if (row.macs) {
            EXPECT_EQ(summary.macs, row.macs);
        }
    }
}

// Section 5.5 of the test vectors. The classes are those without the background.
TEST(Detectors, HaveThePublishedCounts) {
    const auto number = [](int64_t value) { return AttributeValue(value); };
    const auto options = [&](int64_t resolution, int64_t classes) { return Attributes{{"resolution", number(resolution)}, {"classes", number(classes)}}; };
    const auto old = [&](int64_t classes) { return Attributes{{"passthrough", number(0)}, {"classes", number(classes)}}; };
    const struct {
        const char* name;
        Attributes options;
        int64_t parameters, macs, anchors;
    } rows[] = {{"ssdlite_mobilenet_v2", {}, 4337013, 788830144, 2034},
                {"ssdlite_mobilenet_v2", options(300, 90), 4500543, 749503856, 1917},
                {"ssdlite_mobilenet_v1", {}, 5100661, 1309162944, 2034},
                {"ssdlite_mobilenet_v1", options(300, 90), 5246911, 1212977536, 1917},
                {"ssd300", {{"classes", number(20)}}, 26285486, 31373537792, 8732},
                {"ssd300", {}, 34305206, 34360351232, 8732},
                {"ssd300", {{"classes", number(90)}}, 35641826, 34858153472, 8732},
                {"ssd512", {{"classes", number(20)}}, 27188676, 90207908864, 24564},
                {"ssd512", {}, 36038196, 98628936704, 24564},
                {"yolov2", {}, 50962889, 14732084224, 845},
                {"yolov2", options(544, 80), 50962889, 25192735744, 1445},
                {"yolov2", options(608, 80), 50962889, 31469126656, 1805},
                {"yolov2", options(416, 20), 50655389, 14680167424, 845},
                {"yolov2", old(80), 67445065, 17500980224, 845},
                {"yolov2", old(20), 67137565, 17449063424, 845}};
    for (const auto& row : rows) {
        SCOPED_TRACE(std::string(row.name) + describe_options(row.options));
        const Architecture network = build_architecture(row.name, row.options);
        const Summary summary = summarise(network);
        EXPECT_EQ(summary.parameters, row.parameters);
        EXPECT_EQ(summary.macs, row.macs);
        EXPECT_EQ(network.detection->anchors(), row.anchors);
        EXPECT_EQ(network.graph.shape(network.detection->boxes), (Shape{1, row.anchors, 4}));
        EXPECT_EQ(network.graph.shape(network.logits), (Shape{1, row.anchors, 1 + network.classes()}));
        EXPECT_EQ(network.detection->anchor_rows().size(), size_t(4 * row.anchors));
    }
}

// The extra maps and heads of table 5 of the paper: 14.8 M parameters as plain convolutions, 2.1 M as separable ones.
TEST(Detectors, SeparablePredictionSavesWhatThePaperSays) {
    const auto beside_backbone = [](const char* prediction) {
        const Summary summary = summarise(build_architecture("ssdlite_mobilenet_v2", {{"prediction", std::string(prediction)}}));
        int64_t parameters = 0;
        for (const LayerSummary& layer : summary.layers)
            if (!layer.name.starts_with("features.")) parameters += layer.parameters;
        return double(parameters) * 1e-6;
    };
    EXPECT_NEAR(beside_backbone("full"), 14.777, 0.0005);
    EXPECT_NEAR(beside_backbone("separable"), 2.113, 0.0005);
}

// Anchors are given as centre y, centre x, height, width.
TEST(Detectors, AnchorsAreTheConfigurations) {
    const auto anchors = [](const char* name, Attributes options, size_t index) {
        const std::vector<float> rows = build_architecture(name, std::move(options)).detection->anchor_rows();
        return std::array<double, 4>{rows[4 * index], rows[4 * index + 1], rows[4 * index + 2], rows[4 * index + 3]};
    };
    const auto expect = [](const std::array<double, 4>& found, const std::array<double, 4>& expected) {
        for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(found[i], expected[i], 1e-6) << i;
    };
    const double root2 = std::sqrt(2.0), half = 0.5 / 20;
    expect(anchors("ssdlite_mobilenet_v2", {}, 0), {half, half, 0.1, 0.1});
    expect(anchors("ssdlite_mobilenet_v2", {}, 1), {half, half, 0.2 / root2, 0.2 * root2});
    expect(anchors("ssdlite_mobilenet_v2", {}, 2), {half, half, 0.2 * root2, 0.2 / root2});
    expect(anchors("ssdlite_mobilenet_v2", {}, 3), {half, 3 * half, 0.1, 0.1});
    expect(anchors("ssdlite_mobilenet_v2", {}, 1200 + 5), {0.05, 0.05, 0.41833001, 0.41833001});
    expect(anchors("ssdlite_mobilenet_v2", {}, 2033), {0.5, 0.5, 0.97467943, 0.97467943});
    expect(anchors("ssd300", {}, 1), {4 / 300.0, 4 / 300.0, std::sqrt(21 * 45.0) / 300, std::sqrt(21 * 45.0) / 300});
    expect(anchors("ssd300", {}, 8731), {0.5, 0.5, 261 * root2 / 300, 261 / root2 / 300});
    expect(anchors("yolov2", {}, 5 * 13 + 4), {1.5 / 13, 0.5 / 13, 9.16828 / 13, 9.77052 / 13});
}

TEST(ModelGraphs, SurviveJson) {
    for (const ArchitectureBuilder& builder : all_architectures()) {
        const Architecture architecture = build_architecture(builder.name, {});
        const std::string json = graph_to_json(architecture.graph);
        EXPECT_EQ(graph_to_json(graph_from_json(json, "test")), json) << builder.name;
    }
}

// A name that a flipped bit changed must not turn into a default.
TEST(ModelGraphs, RefuseUnknownMembers) {
    const std::string json = graph_to_json(build_architecture("resnet20_cifar", {}).graph);
    for (const char* member : {"\"attributes\"", "\"initializer\"", "\"name\"", "\"dtype\""}) {
        std::string changed = json;
        changed[changed.find(member) + 1] ^= 1;
        try {
            graph_from_json(changed, "The text");
            ADD_FAILURE() << member;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::file_malformed);
            EXPECT_NE(std::string(error.what()).find("is not known."), std::string::npos) << error.what();
        }
    }
}

} // namespace lemnos
