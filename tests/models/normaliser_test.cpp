// Normalisers by name: what is understood, the groups that layers get, and that every architecture trains with each.
#include "data/dataset.h"
#include "models/normaliser.h"
#include "models/small_forms.h"
#include "ops/harness.h"
#include "refusal.h"
#include "train/shapes.h"
#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace lemnos::test {

TEST(Normalisers, AreNamed) {
    const struct {
        const char* name;
        int64_t examples, groups;
        bool running;
    } rows[] = {{"batch", 0, 0, true},
                {"ghost:1", 1, 0, true},
                {"ghost:32", 32, 0, true},
                {"group:1", 1, 1, false},
                {"group:32", 1, 32, false},
                {"batch-group:2x1", 2, 1, true},
                {"batch-group:4x32", 4, 32, true},
                {"instance", 1, 0, false},
                {"layer", 1, 1, false}};
    for (const auto& row : rows) {
        const Normaliser normaliser = Normaliser::parse(row.name);
        EXPECT_EQ(normaliser.examples, row.examples) << row.name;
        EXPECT_EQ(normaliser.groups, row.groups) << row.name;
        EXPECT_EQ(normaliser.running, row.running) << row.name;
    }
}

TEST(Normalisers, AreRefusedWithASentence) {
    const auto refusal = [](const std::string& name) -> std::string {
        try {
            Normaliser::parse(name);
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
            return error.what();
        }
        return "";
    };
    for (const char* name :
         {"", "Batch", "batch:2", "layers", "layer:1", "instance:1", "ghost", "ghost:", "ghost:x",
          "ghost:2x3", "ghosts:2", "group", "group:x", "group: 4", "batch-group", "batch-group:2",
          "batch-group:2x", "batch-group:x4", "batch-group:2x4x8"})
        EXPECT_EQ(refusal(name), text("The normaliser \"", name,
                                      "\" is not known (batch, ghost:EXAMPLES, group:GROUPS, "
                                      "batch-group:EXAMPLESxGROUPS, instance or layer is meant)."));
    const struct {
        const char *name, *size;
        int least;
    } sizes[] = {{"ghost:0", "0", 1},         {"ghost:2.5", "2.5", 1},
                 {"ghost:-1", "-1", 1},       {"ghost:2147483648", "2147483648", 1},
                 {"ghost:1e30", "1e30", 1},   {"group:0", "0", 1},
                 {"batch-group:1x4", "1", 2}, {"batch-group:0x4", "0", 2},
                 {"batch-group:2x0", "0", 1}};
    for (const auto& row : sizes)
        EXPECT_EQ(refusal(row.name),
                  text("The normaliser \"", row.name, "\" has the size ", row.size, " (whole numbers from ",
                       row.least, " to 2147483647 are allowed)."));
}

TEST(Normalisers, GroupWhatDividesTheChannels) {
    const Normaliser normaliser = Normaliser::parse("group:32");
    EXPECT_EQ(normaliser.groups_of(64, "a"), 32);
    EXPECT_EQ(normaliser.groups_of(144, "a"), 36); // groups of 4 channels
    EXPECT_EQ(normaliser.groups_of(24, "a"), 24);  // of one
    expect_refusal(ErrorCode::invalid_argument,
                   {"The layer a has 100 channels, which 32 groups, of 3 channels each, do not divide; "
                    "choose a number of "
                    "groups that does."},
                   [&] { normaliser.groups_of(100, "a"); });
    for (int64_t channels : {1, 100}) {
        EXPECT_EQ(Normaliser::parse("batch").groups_of(channels, "a"), 0);
        EXPECT_EQ(Normaliser::parse("instance").groups_of(channels, "a"), 0);
        EXPECT_EQ(Normaliser::parse("layer").groups_of(channels, "a"), 1);
    }
}

struct NormalisedArchitectures : OpTest {};

// The first convolution learns, through all normalisations; running statistics are there, and move, where they are used.
TEST_F(NormalisedArchitectures, TrainAStep) {
    const auto number = [](int64_t value) { return AttributeValue(value); };
    const std::map<std::string, Attributes>& tiny = small_forms();
    const std::set<std::string> slow{"resnet18", "resnet50", "inception_v3", "yolov2"}; // two forms must do
    for (const ArchitectureBuilder& builder : all_architectures())
        for (const char* name : {"batch", "ghost:2", "group:8", "batch-group:2x8", "instance", "layer"}) {
            if (builder.name == std::string_view("resnet152")) continue; // resnet50 with more of the same
            const bool normalised =
                std::any_of(builder.options.begin(), builder.options.end(),
                            [](const AttributeSpec& spec) { return spec.name == "norm"; });
            const std::string_view form = name;
            if (!normalised || (slow.contains(builder.name) && form != "ghost:2" && form != "group:8"))
                continue;
            SCOPED_TRACE(text(builder.name, ", ", name));
            ASSERT_TRUE(tiny.contains(builder.name)) << "The test knows no small form of it.";
            Attributes options = tiny.at(builder.name);
            options.set("norm", std::string(name));
            options.set("channels", number(1));
            options.set("classes", number(2));
            const auto model = std::make_shared<Model>(device(), build_architecture(builder.name, options));
            model->initialise(1);
            const std::string first = model->parameters().layout->segments()[0].name;
            const std::vector<float> filter = model->read(first), states = model->states().read();

            const Architecture& architecture = model->architecture();
            const RecordShape shape{int(architecture.height()), int(architecture.width()), 1};
            std::vector<uint8_t> pixels;
            for (int64_t i = 0; i < 4 * shape.bytes(); ++i) pixels.push_back(uint8_t(random.integer(0, 255)));
            std::shared_ptr<const Dataset> data = std::make_shared<MemoryDataset>(
                "noise", shape, pixels, std::vector<int32_t>{0, 1, 0, 1}, number_names(2));
            if (architecture.detection) data = std::make_shared<Rectangles>(4, shape.height);
            Trainer trainer(model, data, Optimizer("sgd", {{"rate", 0.1}}), Schedule("constant", {}),
                            {{"batch", int64_t(4)}, {"epochs", int64_t(1)}});
            EXPECT_TRUE(trainer.step());
            EXPECT_TRUE(std::isfinite(trainer.progress(true).loss));
            EXPECT_NE(model->read(first), filter);
            EXPECT_EQ(model->states().layout->segments().empty(), !Normaliser::parse(name).running);
            EXPECT_EQ(model->states().read() == states, !Normaliser::parse(name).running);
        }
}

} // namespace lemnos::test
