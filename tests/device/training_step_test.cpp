// Once the first steps are done, a step of training makes nothing: no memory of the host's or the device's, no pipeline,
// no descriptor, no command buffer, whatever the schedule, the batch and the epoch.
#include "data/dataset.h"
#include "device/device_test.h"
#include "device/faulty_vulkan.h"
#include "device/host_memory.h"
#include "train/trainer.h"

namespace lemnos::test {
namespace {

struct TrainingStep : DeviceTest {};

std::shared_ptr<const Dataset> stripes(int64_t count) {
    const RecordShape shape{8, 8, 3};
    std::vector<uint8_t> pixels(size_t(count * shape.bytes()));
    std::vector<int32_t> labels(static_cast<size_t>(count));
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = uint8_t(i * 37 % 251);
    for (size_t i = 0; i < labels.size(); ++i) labels[i] = int32_t(i % 3);
    return std::make_shared<MemoryDataset>("test", shape, std::move(pixels), std::move(labels), number_names(3));
}

} // namespace

TEST_F(TrainingStep, MakesNothing) {
    const auto device = open({.cache_on_disk = false, .get_instance_proc_addr = faulty::vulkan()});
    faulty::state.outside = &HostMemory::pause;
    const auto model = std::make_shared<Model>(
        device, build_architecture("mobilenet_v2", {{"preset", std::string("small28")}, {"resolution", int64_t(8)},
                                                    {"width", 0.1}, {"classes", int64_t(3)}, {"head", int64_t(16)},
                                                    {"channels", int64_t(3)}}));
    model->initialise(1);
    Trainer trainer(model, stripes(40), Optimizer("radam", {{"decoupled_weight_decay", int64_t(1)}, {"weight_decay", 0.01}}),
                    Schedule("one_cycle", {}),
                    {{"batch", int64_t(8)}, {"micro_batch", int64_t(4)}, {"epochs", int64_t(6)}, {"flip", int64_t(1)},
                     {"crop", int64_t(1)}, {"tail", std::string("include")}, {"statistics_momentum", 0.05}});
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(trainer.step());
    trainer.progress(true);

    const DeviceCounters& counters = device->counters();
    const auto made = [&] { return faulty::everything_made(counters); };
    const auto before = made();
    int64_t steps = 2;
    host_memory.reset(0);
    while (trainer.step()) {
        ++steps;
        trainer.progress(false);
    }
    const int64_t on_the_host = host_memory.allocations;
    EXPECT_EQ(on_the_host, 0);
    EXPECT_EQ(made(), before);
    EXPECT_EQ(steps, 30);
    trainer.progress(true);
    faulty::state.outside = nullptr;
}

} // namespace lemnos::test
