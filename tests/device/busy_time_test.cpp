// How busy the device is, by its own clock: every submission counts once, and time between them does not.
#include "device/device_test.h"
#include "vulkan/submission_times.h"

#include <chrono>
#include <thread>

namespace lemnos::test {
namespace {

struct DeviceBusyTime : DeviceTest {
    std::shared_ptr<Device> open_measuring() { return open({.cache_on_disk = false, .measures_busy_time = true}); }
};

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

} // namespace

TEST_F(DeviceBusyTime, CountsEverySubmissionOnce) {
    const auto device = open_measuring();
    const FillWork work(device, 1 << 20);
    device->reset_busy_time();
    EXPECT_EQ(device->busy_time().submissions, 0);
    EXPECT_EQ(device->busy_time().span, 0);
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 200; ++i) work.submit(); // three times round the ring
    const BusyTime time = device->busy_time();
    const double elapsed = seconds_since(start);
    EXPECT_EQ(time.submissions, 200);
    EXPECT_GT(time.busy, 0);
    EXPECT_LE(time.busy, time.span * 1.000001); // sums round
    EXPECT_LE(time.span, elapsed * 1.01 + 1e-3); // two clocks
    device->reset_busy_time();
    EXPECT_EQ(device->busy_time().submissions, 0);
}

TEST_F(DeviceBusyTime, LeavesOutWhatIsBetweenSubmissions) {
    const auto device = open_measuring();
    const FillWork work(device);
    work.submit();
    device->reset_busy_time();
    const auto start = std::chrono::steady_clock::now();
    device->wait(work.submit());
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    device->wait(work.submit());
    const BusyTime time = device->busy_time();
    EXPECT_EQ(time.submissions, 2);
    EXPECT_GE(time.span, 0.095);
    EXPECT_GE(time.span - time.busy, 0.095); // nothing ran in the meantime, however slow the machine
    EXPECT_LE(time.busy, seconds_since(start) - 0.095);
}

TEST_F(DeviceBusyTime, IsRefusedWhereItIsNotMeasured) {
    const auto device = open();
    expect_refusal(ErrorCode::invalid_state, {"without measuring how busy it is"}, [&] { device->busy_time(); });
    expect_refusal(ErrorCode::invalid_state, {"without measuring how busy it is"}, [&] { device->reset_busy_time(); });
}

TEST_F(DeviceBusyTime, ChangesNoResult) {
    const auto measuring = open_measuring(), plain = open();
    std::vector<float> results[2];
    int place = 0;
    for (const auto& device : {measuring, plain}) {
        const BufferView view = make_view(device, 1000);
        const std::vector<float> values = counting(1000);
        view.write(values.data());
        device->fill(*view.buffer, 400, 800, 0x3f800000);
        results[place].resize(1000);
        view.read(results[place++].data());
    }
    EXPECT_EQ(results[0], results[1]);
}

} // namespace lemnos::test
