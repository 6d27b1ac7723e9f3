// Models: their files.
#include "models/model.h"
#include "ops/harness.h"
#include "support/file.h"
#include "train/evaluation.h"
#include "train/predictor.h"
#include "unit/scratch.h"

#include <cstdlib>
#include <cstring>

namespace lemnos::test {

struct Models : OpTest {};

static std::shared_ptr<Model> tiny() {
    auto model = std::make_shared<Model>(
        device(), build_architecture("mobilenet_v2", {{"preset", std::string("small28")}, {"width", 0.1},
                                                      {"channels", int64_t(1)}, {"classes", int64_t(3)}, {"head", int64_t(8)}}));
    model->initialise(1);
    return model;
}

TEST_F(Models, SaveAndLoadKeepEveryBit) {
    const ScratchFolder folder;
    const std::string path = folder.file("model.safetensors");
    const auto model = tiny();
    model->set_class_names({"one", "two", "three"});
    model->save(path);
    const auto loaded = Model::load(device(), path);
    EXPECT_EQ(loaded->parameters().read(), model->parameters().read());
    EXPECT_EQ(loaded->states().read(), model->states().read());
    EXPECT_EQ(loaded->architecture().class_names, model->architecture().class_names);
    std::vector<uint8_t> pixels(28 * 28 * 2);
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = uint8_t(i * 7);
    std::vector<float> before(6), after(6);
    Predictor(model, 2).run(pixels.data(), 2, before.data());
    Predictor(loaded, 1).run(pixels.data(), 2, after.data());
    for (size_t i = 0; i < before.size(); ++i) EXPECT_NEAR(before[i], after[i], 1e-6);
    EXPECT_NEAR(before[0] + before[1] + before[2], 1, 1e-6);
}

TEST_F(Models, FilesHoldTorchvisionsOrder) {
    const ScratchFolder folder;
    const auto model = tiny();
    model->save(folder.file("m"));
    const SafetensorsFile file = SafetensorsFile::open(folder.file("m"));
    EXPECT_EQ(file.find("features.0.0.weight").shape, (Shape{8, 1, 3, 3}));
    EXPECT_EQ(file.find("classifier.1.weight").shape, (Shape{3, 8}));
    std::vector<float> values(8 * 9);
    for (size_t i = 0; i < values.size(); ++i) values[i] = float(i);
    model->write("features.0.0.weight", values);
    EXPECT_EQ(model->read("features.0.0.weight"), values);
    // Output 5, tap (1, 2): OIHW index 5 * 9 + 1 * 3 + 2; HWIO index (1 * 3 + 2) * 8 + 5.
    const Segment& segment = *model->parameters().layout->find("features.0.0.weight");
    EXPECT_EQ(model->parameters().read()[size_t(segment.offset / 4 + (1 * 3 + 2) * 8 + 5)], 50.0f);
}

TEST_F(Models, AFileCutAnywhereIsRefused) {
    const ScratchFolder folder;
    const std::string path = folder.file("model.safetensors"), cut = folder.file("cut.safetensors");
    tiny()->save(path);
    const std::vector<uint8_t> whole = read_file(path, 1 << 24);
    for (size_t bytes = 0; bytes < whole.size(); bytes += bytes < 64 ? 1 : 997) {
        write_atomically(cut, [&](FileWriter& file) { file.write(whole.data(), bytes); });
        try {
            Model::load(device(), cut);
            FAIL() << "A file cut at byte " << bytes << " was loaded.";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::file_malformed) << bytes << ": " << error.what();
        }
    }
}

// A head with other classes: all but the head is taken, and nothing of a file that fits nowhere.
TEST_F(Models, TakeWhatFitsForFineTuning) {
    const ScratchFolder folder;
    const auto source = tiny();
    source->set_pixels({{0.25}, {0.125}});
    source->save(folder.file("small"));
    const auto other = std::make_shared<Model>(
        device(), build_architecture("mobilenet_v2", {{"preset", std::string("small28")}, {"width", 0.1}, {"channels", int64_t(1)},
                                                      {"classes", int64_t(5)}, {"head", int64_t(8)}, {"norm", std::string("group:4")}}));
    other->initialise(2);
    const std::vector<float> head = other->read("classifier.1.weight");
    const MatchReport report = other->load_matching(folder.file("small"));
    EXPECT_EQ(report.loaded, int64_t(other->parameters().layout->segments().size()) - 2);
    EXPECT_EQ(report.differ, (std::vector<std::string>{"classifier.1.weight is 3 x 8 (5 x 8 is needed)", "classifier.1.bias is 3 (5 is needed)"}));
    EXPECT_TRUE(report.absent.empty());
    EXPECT_EQ(report.unused.size(), source->states().layout->segments().size()); // group normalisation has no statistics
    EXPECT_EQ(other->read("features.0.0.weight"), source->read("features.0.0.weight"));
    EXPECT_EQ(other->read("classifier.1.weight"), head);
    EXPECT_EQ(other->architecture().pixels.mean, source->architecture().pixels.mean);

    const auto stranger = std::make_shared<Model>(device(), build_architecture("squeezenet1_1", {{"resolution", int64_t(32)}}));
    stranger->initialise(3);
    const std::vector<float> before = stranger->parameters().read();
    for (const bool matching : {true, false})
        try {
            if (matching) stranger->load_matching(folder.file("small"));
            else stranger->load_weights(folder.file("small"));
            ADD_FAILURE();
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::file_malformed);
            const std::string sentence = error.what();
            EXPECT_NE(sentence.find(matching ? "has no tensor of the name and shape of one of the model's (the model's first is features.0.weight)."
                                             : "does not fit the model: features.0.weight (64 x 3 x 3 x 3) is absent, features.0.bias (64) is "
                                               "absent, features.3.squeeze.weight (16 x 64 x 1 x 1) is absent, features.3.squeeze.bias (16) is "
                                               "absent, features.3.expand1x1.weight (64 x 16 x 1 x 1) is absent, and 47 more differ."),
                      std::string::npos) << sentence;
        }
    EXPECT_EQ(stranger->parameters().read(), before);
}

TEST_F(Models, WeightsOfAnotherShapeChangeNothing) {
    const ScratchFolder folder;
    tiny()->save(folder.file("small"));
    const auto other = std::make_shared<Model>(device(), build_architecture("mobilenet_v2", {{"resolution", int64_t(32)}}));
    other->initialise(2);
    const std::vector<float> before = other->parameters().read();
    EXPECT_THROW(other->load_weights(folder.file("small")), Error);
    EXPECT_EQ(other->parameters().read(), before);
}

} // namespace lemnos::test
