// Submissions and waits: tickets, timeouts, a full ring, many threads. The gate of faulty_vulkan.h keeps work unfinished,
// so that nothing depends on how fast a device is.
#include "device/device_test.h"
#include "device/faulty_vulkan.h"

#include <atomic>
#include <thread>

namespace lemnos::test {
namespace {

constexpr int64_t millisecond = 1'000'000;

struct DeviceWaiting : DeviceTest {
    void SetUp() override {
        DeviceTest::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        device = open({.cache_on_disk = false, .get_instance_proc_addr = faulty::vulkan()});
        work = std::make_unique<FillWork>(device);
    }
    void TearDown() override {
        faulty::state.gate_closed = false;
        if (device) device->wait_all();
        work.reset();
        device.reset();
        DeviceTest::TearDown();
    }
    static void close_gate() { faulty::state.gate_closed = true; }
    static void open_gate() { faulty::state.gate_closed = false; }

    std::shared_ptr<Device> device;
    std::unique_ptr<FillWork> work;
};

} // namespace

TEST_F(DeviceWaiting, TicketsRiseByOne) {
    EXPECT_EQ(device->last_ticket(), 0);
    for (int64_t ticket = 1; ticket <= 200; ++ticket) EXPECT_EQ(work->submit(), ticket);
    EXPECT_EQ(device->last_ticket(), 200);
    EXPECT_EQ(device->counters().submissions, 200);
    EXPECT_TRUE(device->wait(200));
    for (int64_t ticket : {0, 1, 100, 200}) EXPECT_TRUE(device->done(ticket));
}

TEST_F(DeviceWaiting, EndsAtItsTimeout) {
    close_gate();
    const int64_t ticket = work->submit();
    EXPECT_FALSE(device->done(ticket));
    EXPECT_FALSE(device->wait(ticket, 0));
    const auto start = std::chrono::steady_clock::now();
    EXPECT_FALSE(device->wait(ticket, 30 * millisecond));
    EXPECT_FALSE(device->wait(ticket, 230 * millisecond));
    EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(260));
    open_gate();
    EXPECT_TRUE(device->wait(ticket, INT64_MAX)); // as good as for ever, and no overflow
    EXPECT_TRUE(device->wait(ticket, 0));
}

TEST_F(DeviceWaiting, ForTicketsNeverGivenOutIsRefused) {
    work->submit();
    for (int64_t ticket : {int64_t(2), int64_t(-1), INT64_MAX, INT64_MIN}) {
        expect_refusal(ErrorCode::invalid_argument, {text("The ticket ", ticket, " was never given out (the last one is 1).")},
                       [&] { device->wait(ticket); });
        expect_refusal(ErrorCode::invalid_argument, {"was never given out"}, [&] { device->done(ticket); });
    }
    EXPECT_TRUE(device->wait(0)) << "no work";
}

TEST_F(DeviceWaiting, MoreThanTheRingHoldsWaitForASlot) {
    close_gate();
    for (int i = 0; i < 64; ++i) work->submit();
    std::atomic<int64_t> ticket{0};
    std::thread submitter([&] {
        for (int i = 0; i < 100; ++i) ticket = work->submit();
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(ticket, 0) << "the 65th was submitted while 64 are in flight";
    EXPECT_EQ(device->counters().submissions, 64);
    EXPECT_FALSE(device->done(1)) << "asking must not wait";
    open_gate();
    submitter.join();
    EXPECT_EQ(ticket, 164);
    EXPECT_TRUE(device->wait(164));
}

TEST_F(DeviceWaiting, FromManyThreadsAtOnce) {
    close_gate();
    for (int i = 0; i < 40; ++i) work->submit();
    std::atomic<int> done{0}, timed_out{0};
    std::vector<std::thread> threads;
    for (int64_t i = 0; i < 8; ++i)
        threads.emplace_back([&, i] {
            if (!device->wait(1 + i * 5, 20 * millisecond)) ++timed_out;
            if (device->wait(40 - i * 5)) ++done;
            EXPECT_TRUE(device->done(40 - i * 5));
        });
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    open_gate();
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(timed_out, 8);
    EXPECT_EQ(done, 8);
}

// A thread that waits for the last piece of a long queue must not hold up one that submits or that waits for an early
// piece: both go on with every piece that ends.
TEST_F(DeviceWaiting, ForALateTicketHoldsNobodyUp) {
    std::atomic<bool> stop{false};
    work->submit();
    std::thread late([&] {
        while (!stop) device->wait(device->last_ticket());
    });
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 500; ++i) {
        const int64_t ticket = work->submit();
        work->submit();
        device->wait(ticket);
    }
    const auto took = std::chrono::steady_clock::now() - start;
    stop = true;
    late.join();
    // 500 waits that each met a slice of a wait, a second, would take minutes.
    EXPECT_LT(took, std::chrono::seconds(10));
}

TEST_F(DeviceWaiting, ManyThreadsSubmitAndWait) {
    std::vector<std::thread> threads;
    std::vector<std::unique_ptr<FillWork>> works;
    for (int i = 0; i < 4; ++i) works.push_back(std::make_unique<FillWork>(device));
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&, i] {
            int64_t last = 0;
            for (int round = 0; round < 100; ++round) {
                const int64_t ticket = works[size_t(i)]->submit();
                EXPECT_GT(ticket, last);
                last = ticket;
                if (round % 7 == i) device->wait(ticket);
            }
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(device->last_ticket(), 400);
    device->wait_all();
}

TEST_F(DeviceWaiting, RetiresInTheOrderOfTickets) {
    static std::vector<int> destroyed; // a task is stored in place and holds little
    destroyed.clear();
    device->retire([] { destroyed.push_back(0); });
    EXPECT_EQ(destroyed, std::vector<int>{0}) << "nothing is in flight";
    close_gate();
    work->submit();
    device->retire([] { destroyed.push_back(1); });
    const int64_t second = work->submit();
    device->retire([] { destroyed.push_back(2); });
    EXPECT_EQ(destroyed.size(), 1u);
    open_gate();
    device->wait(second);
    EXPECT_EQ(destroyed, (std::vector<int>{0, 1, 2}));
}

} // namespace lemnos::test
