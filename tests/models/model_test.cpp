// Models: their files.
#include "models/model.h"
#include "ops/harness.h"
#include "support/file.h"
#include "train/evaluation.h"
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
