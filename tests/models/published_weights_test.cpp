// Published weights: an accuracy, logits, and what is seen on photographs.
#include "data/image.h"
#include "models/cifar10_shards.h"
#include "models/compiled_network.h"
#include "models/ssd_mobilenet.h"
#include "train/evaluation.h"
#include "train/predictor.h"
#include "unit/scratch.h"

#include <fstream>
#include <sstream>

namespace lemnos::test {

struct PublishedWeights : OpTest {
    static Tensor read_tensor(const std::string& path, const Shape& shape) {
        Tensor tensor(shape);
        const Bytes bytes = bytes_of(path);
        EXPECT_EQ(int64_t(bytes.size()), 4 * tensor.size()) << path;
        for (int64_t i = 0; i < std::min(tensor.size(), int64_t(bytes.size() / 4)); ++i) {
            float value;
            std::memcpy(&value, bytes.data() + 4 * i, 4);
            tensor[i] = value;
        }
        return tensor;
    }
    // Pixels of 0 to 255 become -1 to 1.
    static Tensor read_picture(const std::string& path) {
        const Image image = read_image(path, 3);
        Tensor x({1, image.height, image.width, 3});
        for (int64_t i = 0; i < x.size(); ++i) x[i] = image.pixels[size_t(i)] / 127.5 - 1;
        return x;
    }

    // Files of f16, which become f32; TensorFlow's padding, as the weights were trained with.
    static std::shared_ptr<Model> mobilenet_v2(const std::string& weights) {
        auto model = std::make_shared<Model>(
            device(), build_architecture("mobilenet_v2", {{"padding", std::string("same")}}));
        model->load_weights(weights);
        return model;
    }
};

// ResNet-20 reaches its published accuracy on the 10,000 test images of CIFAR-10.
TEST_F(PublishedWeights, ResNet20OnCifar10) {
    const std::string weights = test_data() + "/models/resnet20_cifar10.safetensors";
    const std::vector<std::string> shards{test_data() + "/cifar10/cifar10_test_00.med.xz",
                                          test_data() + "/cifar10/cifar10_test_01.med.xz"};
    for (const std::string& path : {weights, shards[0], shards[1]}) LEMNOS_SKIP_WITHOUT(path);
    const auto dataset = cifar10_from_shards(shards);
    ASSERT_TRUE(dataset) << "The shards of CIFAR-10 cannot be unpacked (with the program xz).";
    ASSERT_EQ(dataset->size(), 10000);
    const auto model = std::make_shared<Model>(device(), build_architecture("resnet20_cifar", {}));
    model->load_weights(weights);
    const Metrics metrics = evaluate(*model, *dataset);
    EXPECT_EQ(metrics.images, 10000);
    std::printf("ResNet-20 on CIFAR-10: %.2f %%\n", 100 * metrics.accuracy());
    EXPECT_NEAR(metrics.accuracy(), 0.9173, 0.0002);
}

// The logits that TensorFlow Lite gave for a photograph of a cat, folded and not.
TEST_F(PublishedWeights, MobileNetV2GivesTheGoldenLogits) {
    const std::string weights = test_data() + "/models/mobilenet_v2_1.0_imagenet.safetensors",
                      picture = test_data() + "/models/golden_cat224.png",
                      golden = test_data() + "/models/golden_cat224.mobilenet_v2.logits.f32";
    for (const std::string& path : {weights, picture, golden}) LEMNOS_SKIP_WITHOUT(path);
    const auto model = mobilenet_v2(weights);
    const Tensor x = read_picture(picture), expected = read_tensor(golden, {1, 1000});
    ASSERT_EQ(x.shape, (Shape{1, 224, 224, 3}));
    for (const bool fold : {false, true}) {
        const Tensor logits = CompiledNetwork(*model, fold, 1).logits(x);
        expect_near(logits, expected, 2e-3);
        EXPECT_EQ(std::max_element(logits.data.begin(), logits.data.end()) - logits.data.begin(), 285);
    }
}

TEST_F(PublishedWeights, MobileNetV2KnowsPhotographs) {
    const std::string weights = test_data() + "/models/mobilenet_v2_1.0_imagenet.safetensors",
                      names = test_data() + "/photos/imagenet_classes.tsv",
                      photos = test_data() + "/photos/coral/";
    for (const std::string& path : {weights, names, photos}) LEMNOS_SKIP_WITHOUT(path);
    std::vector<std::string> classes;
    std::ifstream lines(names);
    for (std::string line; std::getline(lines, line);) classes.push_back(line.substr(line.rfind('\t') + 1));
    ASSERT_EQ(classes.size(), 1000u);
    // What a person sees, as ranges of classes; of the owl at least that it is a bird.
    using Ranges = std::vector<std::pair<size_t, size_t>>;
    const Ranges birds{{7, 24}, {80, 100}, {127, 146}}, dogs{{151, 268}}, cats{{281, 285}},
        pets{{151, 268}, {281, 285}};
    const std::pair<const char*, Ranges> expected[] = {{"bird", birds},
                                                       {"cat", cats},
                                                       {"cat_train_0", cats},
                                                       {"dog_test_0", dogs},
                                                       {"dog_train_0", dogs},
                                                       {"dragonfly", {{319, 320}}},
                                                       {"grace_hopper", {{652, 652}}},
                                                       {"hot_dog", {{934, 934}}},
                                                       {"owl", birds},
                                                       {"parrot", {{87, 90}}},
                                                       {"pets", pets},
                                                       {"sunflower", {{985, 985}}}};
    Predictor predictor(mobilenet_v2(weights), 1);
    std::vector<float> probabilities(1000);
    for (const auto& [photo, ranges] : expected) {
        const Image image = resize_image(read_image(photos + photo + ".jpg", 3), 224, 224);
        predictor.run(image.pixels.data(), 1, probabilities.data());
        const auto best =
            size_t(std::max_element(probabilities.begin(), probabilities.end()) - probabilities.begin());
        std::printf("%-14s %5.1f %%  %s\n", photo, 100 * double(probabilities[best]), classes[best].c_str());
        EXPECT_TRUE(
            std::any_of(ranges.begin(), ranges.end(),
                        [&](const auto& range) { return best >= range.first && best <= range.second; }))
            << photo << " is taken for " << classes[best];
    }
}

// The offsets and logits of all 1,917 anchors that TensorFlow Lite gave for a photograph of a cat, folded and not.
TEST_F(PublishedWeights, SsdMobileNetV2GivesTheGoldenBoxesAndLogits) {
    const std::string folder = test_data() + "/models/", weights = folder + "ssd_mobilenet_v2_300_oidv4.safetensors",
                      picture = folder + "golden_cat300.png", boxes = folder + "golden_cat300.ssd.boxes_1917x4.f32",
                      classes = folder + "golden_cat300.ssd.classes_1917x24.f32", labels = folder + "ssd_oidv4_labels.txt";
    for (const std::string& path : {weights, picture, boxes, classes, labels}) LEMNOS_SKIP_WITHOUT(path);
    const auto model = ssd_mobilenet_v2(device(), weights, labels);
    const Tensor x = read_picture(picture);
    ASSERT_EQ(x.shape, (Shape{1, 300, 300, 3}));
    for (const bool fold : {false, true}) {
        CompiledNetwork network(*model, fold, 1);
        network.run(x);
        expect_near(network.fetched(network.network.boxes), read_tensor(boxes, {1, 1917, 4}), 2e-3);
        expect_near(network.fetched(network.network.logits), read_tensor(classes, {1, 1917, 24}), 2e-3);
    }
}

TEST_F(PublishedWeights, SsdMobileNetV2FindsACatAndTwoDogs) {
    const std::string folder = test_data() + "/models/", weights = folder + "ssd_mobilenet_v2_300_oidv4.safetensors",
                      labels = folder + "ssd_oidv4_labels.txt", photos = test_data() + "/photos/coral/";
    for (const std::string& path : {weights, labels, photos}) LEMNOS_SKIP_WITHOUT(path);
    const auto model = ssd_mobilenet_v2(device(), weights, labels);
    Predictor predictor(model, 1, {.objects = {.score = 0.7}});
    using Names = std::vector<std::string>;
    const std::pair<const char*, Names> expected[] = {{"cat", {"Cat"}}, {"pets", {"Dog", "Dog"}}};
    for (const auto& [photo, names] : expected) {
        const Image image = resize_image(read_image(photos + photo + ".jpg", 3), 300, 300);
        std::vector<float> rows(size_t(predictor.outputs()));
        predictor.run(image.pixels.data(), 1, rows.data());
        Names found;
        for (const float* row = rows.data(); row[0] >= 0; row += object_columns) {
            found.push_back(model->architecture().class_names[size_t(row[0])]);
            std::printf("%-5s %s %.2f: top %.2f, left %.2f, bottom %.2f, right %.2f\n", photo, found.back().c_str(), double(row[1]), double(row[2]),
                        double(row[3]), double(row[4]), double(row[5]));
        }
        EXPECT_EQ(found, names) << photo;
    }
}

} // namespace lemnos::test
