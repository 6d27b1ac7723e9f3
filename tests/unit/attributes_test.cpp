// Attributes: what each kind takes, what is refused, and the exact sentences, for users read them.
#include "graph/attributes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace lemnos::test {
namespace {

const std::vector<AttributeSpec> specs{
    required(integer_attribute("size", 0, 1, 2147483647, "")),
    integer_attribute("seed", 7, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(), ""),
    real_attribute("slope", 0.01, 0, 1, ""),
    boolean_attribute("ceil", false, ""),
    choice_attribute("mode", "nearest", {"nearest", "bilinear"}, ""),
    integers_attribute("stride", {1, 1}, 2, 1, 64, ""),
    integers_attribute("shape", {}, -1, 1, 10, ""),
    reals_attribute("mean", {0.5}, -1, ""),
};

Attributes completed(Attributes attributes) {
    attributes.complete(specs, "Operator test");
    return attributes;
}

// The sentence of the refusal; empty where the attributes are taken.
std::string refused(Attributes attributes) {
    if (!attributes.contains("size")) attributes.set("size", int64_t(1));
    try {
        attributes.complete(specs, "Operator test");
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
        return error.what();
    }
    return "";
}

} // namespace

TEST(Attributes, FillsInWhatWasLeftOut) {
    const Attributes a = completed({{"size", 3}});
    EXPECT_EQ(a.all().size(), specs.size());
    EXPECT_EQ(a.integer("size"), 3);
    EXPECT_EQ(a.integer("seed"), 7);
    EXPECT_EQ(a.real("slope"), 0.01);
    EXPECT_FALSE(a.boolean("ceil"));
    EXPECT_EQ(a.choice("mode"), "nearest");
    EXPECT_EQ(a.integers("stride"), (std::vector<int64_t>{1, 1}));
    EXPECT_TRUE(a.integers("shape").empty());
    EXPECT_EQ(a.reals("mean"), std::vector<double>{0.5});
}

TEST(Attributes, TakesEveryKind) {
    const Attributes a = completed({{"size", 2147483647},
                                    {"seed", std::numeric_limits<int64_t>::max()},
                                    {"slope", 1.0},
                                    {"ceil", true},
                                    {"mode", "bilinear"},
                                    {"stride", std::vector<int64_t>{64, 1}},
                                    {"shape", std::vector<int64_t>{1, 2, 3}},
                                    {"mean", std::vector<double>{-1.5, 1e300}}});
    EXPECT_EQ(a.integer("size"), 2147483647);
    EXPECT_EQ(a.integer("seed"), std::numeric_limits<int64_t>::max());
    EXPECT_EQ(a.real("slope"), 1.0);
    EXPECT_TRUE(a.boolean("ceil"));
    EXPECT_EQ(a.choice("mode"), "bilinear");
    EXPECT_EQ(a.integers("stride"), (std::vector<int64_t>{64, 1}));
    EXPECT_EQ(a.integers("shape"), (std::vector<int64_t>{1, 2, 3}));
    EXPECT_EQ(a.reals("mean"), (std::vector<double>{-1.5, 1e300}));
}

TEST(Attributes, TakesIntegersWhereRealsAreAskedFor) {
    const Attributes a = completed({{"size", 1}, {"slope", 1}, {"mean", std::vector<int64_t>{2, 3}}});
    EXPECT_EQ(a.real("slope"), 1.0);
    EXPECT_EQ(a.reals("mean"), (std::vector<double>{2, 3}));
    EXPECT_EQ(completed({{"size", 1}, {"mean", std::vector<int64_t>{}}}).reals("mean"), std::vector<double>{});
}

TEST(Attributes, AreCompletedTwiceToTheSame) {
    Attributes a = completed({{"size", 3}, {"slope", 1}});
    const auto once = a.all();
    a.complete(specs, "Operator test");
    EXPECT_EQ(a.all(), once);
}

TEST(Attributes, AreRequired) {
    try {
        completed({{"slope", 0.5}});
        FAIL() << "nothing was thrown";
    } catch (const Error& error) {
        EXPECT_STREQ(error.what(), "Operator test: the attribute size must be given.");
    }
}

TEST(Attributes, HoldTheirRanges) {
    EXPECT_EQ(refused({{"size", 0}}),
              "Operator test: the attribute size (0) is outside its range (1 to 2147483647).");
    // All digits: a rounded number would look as if it were allowed.
    EXPECT_EQ(refused({{"size", int64_t(2147483648)}}),
              "Operator test: the attribute size (2147483648) is outside its range (1 to 2147483647).");
    EXPECT_EQ(refused({{"slope", 1.0000001}}),
              "Operator test: the attribute slope (1.0000001) is outside its range (0 to 1).");
    EXPECT_EQ(refused({{"slope", -1}}), "Operator test: the attribute slope (-1) is outside its range (0 to 1).");
    EXPECT_EQ(refused({{"ceil", 2}}), "Operator test: the attribute ceil (2) is outside its range (0 to 1).");
    EXPECT_EQ(refused({{"stride", std::vector<int64_t>{1, 65}}}),
              "Operator test: the attribute stride (65) is outside its range (1 to 64).");
    EXPECT_EQ(refused({{"slope", 0.0}}), "");
    EXPECT_EQ(refused({{"slope", -0.0}}), "");
    EXPECT_EQ(refused({{"slope", std::nextafter(0.0, -1)}}).substr(0, 43), "Operator test: the attribute slope (-5e-324");
}

TEST(Attributes, RefuseWhatIsNotANumber) {
    const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
    EXPECT_EQ(refused({{"slope", nan}}), "Operator test: the attribute slope (nan) is outside its range (0 to 1).");
    EXPECT_EQ(refused({{"slope", inf}}), "Operator test: the attribute slope (inf) is outside its range (0 to 1).");
    EXPECT_NE(refused({{"mean", std::vector<double>{0, nan}}}), "");
}

TEST(Attributes, HoldTheirLengths) {
    EXPECT_EQ(refused({{"stride", std::vector<int64_t>{1}}}),
              "Operator test: the attribute stride has 1 elements (2 are needed).");
    EXPECT_EQ(refused({{"stride", std::vector<int64_t>{}}}),
              "Operator test: the attribute stride has 0 elements (2 are needed).");
    EXPECT_EQ(refused({{"shape", std::vector<int64_t>(100, 1)}}), "");
}

TEST(Attributes, RefuseOtherKinds) {
    EXPECT_EQ(refused({{"size", 1.0}}), ""); // a whole number is one however it is written
    EXPECT_EQ(refused({{"size", 1.5}}), "Operator test: the attribute size must be an integer (1.5 was given).");
    EXPECT_EQ(refused({{"slope", "x"}}), "Operator test: the attribute slope must be a number (\"x\" was given).");
    EXPECT_EQ(refused({{"ceil", 1.0}}), "Operator test: the attribute ceil must be true or false (1 was given).");
    EXPECT_EQ(refused({{"mode", 1}}), "Operator test: the attribute mode must be a name.");
    EXPECT_EQ(refused({{"stride", 1}}), "Operator test: the attribute stride must be a list of integers.");
    EXPECT_EQ(refused({{"stride", std::vector<double>{1, 1}}}),
              "Operator test: the attribute stride must be a list of integers.");
    EXPECT_EQ(refused({{"mean", 0.5}}), "Operator test: the attribute mean must be a list of numbers (0.5 was given).");
}

TEST(Attributes, SuggestTheNearestChoice) {
    EXPECT_EQ(refused({{"mode", "billinear"}}),
              "Operator test: the attribute mode (\"billinear\") is none of its choices (nearest, bilinear). "
              "Did you mean \"bilinear\"?");
    EXPECT_EQ(refused({{"mode", "zzzzzzzzzzzz"}}),
              "Operator test: the attribute mode (\"zzzzzzzzzzzz\") is none of its choices (nearest, bilinear).");
    EXPECT_NE(refused({{"mode", ""}}), "");
}

TEST(Attributes, SuggestTheNearestName) {
    EXPECT_EQ(refused({{"strides", 1}}), "Operator test has no attribute \"strides\". Did you mean \"stride\"?");
    EXPECT_EQ(refused({{"quantisation", 1}}),
              "Operator test has no attribute \"quantisation\". It has size, seed, slope, ceil, mode, stride, shape, mean.");
    EXPECT_NE(refused({{"Size", 1}}), "") << "names are taken as they are";
}

TEST(Attributes, OfAnotherTypeAreInternalFaults) {
    const Attributes a = completed({{"size", 1}});
    EXPECT_THROW(a.real("size"), Error);
    EXPECT_THROW(a.integer("absent"), Error);
    try {
        a.choice("size");
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::internal);
    }
}

TEST(Attributes, AreDescribedInTheOrderOfNames) {
    const Attributes a{{"b", std::vector<int64_t>{1, 2}}, {"a", 0.1}, {"c", "x"}};
    EXPECT_EQ(describe_options(a), " a=0.1 b=1,2 c=x");
}

TEST(NearestName, IsTheOneWithTheFewestEdits) {
    const std::vector<std::string> known{"relu", "relu6", "conv2d", "batch_norm"};
    EXPECT_EQ(nearest_name("relu7", known), "relu") << "equally near ones: the first";
    EXPECT_EQ(nearest_name("Relu6", known), "relu6");
    EXPECT_EQ(nearest_name("conv3d", known), "conv2d");
    EXPECT_EQ(nearest_name("convolution2d", known), "") << "more than half of it would change";
    EXPECT_EQ(nearest_name("batchnorm", known), "batch_norm");
    EXPECT_EQ(nearest_name("", known), "");
    EXPECT_EQ(nearest_name("quantise", known), "");
    EXPECT_EQ(nearest_name("resnet20", {"mobilenet_v2", "resnet20_cifar"}), "resnet20_cifar") << "the beginning of one";
    EXPECT_EQ(nearest_name("re", {"resnet20_cifar"}), "");
    EXPECT_EQ(nearest_name("relu", {}), "");
    EXPECT_EQ(did_you_mean("relu", {}), "");
    EXPECT_EQ(did_you_mean("conv2D", known), " Did you mean \"conv2d\"?");
}

} // namespace lemnos::test
