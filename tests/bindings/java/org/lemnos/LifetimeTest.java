package org.lemnos;

import static org.junit.jupiter.api.Assertions.*;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Closing, collecting and ending in every order: an exception or nothing, never a crash; and nothing leaks. */
class LifetimeTest {
  @TempDir Path folder;

  @Test
  void useAfterCloseAndDoubleClose() throws Exception {
    try (Device device = Fixtures.openDevice()) {
      Map<AutoCloseable, Runnable> all = Fixtures.everything(device);
      assertEquals(9, all.size());
      for (Runnable use : all.values()) use.run();
      for (Map.Entry<AutoCloseable, Runnable> entry : all.entrySet()) {
        entry.getKey().close();
        entry.getKey().close();
        String message = assertThrows(InvalidStateException.class, entry.getValue()::run).getMessage();
        assertTrue(message.endsWith(" was closed."), message);
        assertTrue((boolean) entry.getKey().getClass().getMethod("isClosed").invoke(entry.getKey()));
        entry.getKey().toString();
      }
    }
  }

  @Test
  void afterTheDeviceWasClosed() {
    Device device = Fixtures.openDevice();
    Map<AutoCloseable, Runnable> all = Fixtures.everything(device);
    device.close();
    device.close();
    int refused = 0;
    for (Runnable use : all.values()) {
      try {
        use.run();
      } catch (DeviceClosedException error) {
        ++refused;
      }
    }
    assertTrue(refused >= 4, "only " + refused + " objects say that their device was closed");
    assertThrows(DeviceClosedException.class, () -> new Tensor(device, 1));
    assertTrue(device.isClosed());
    assertEquals("Device (closed)", device.toString());
  }

  @Test
  void objectsKeepWhatTheyNeed() throws Exception {
    try (Device device = Fixtures.openDevice()) {
      Dataset data = Fixtures.quarters();
      Model model = Fixtures.model(device, data);
      Optimizer optimizer = new Optimizer("radam");
      Schedule schedule = new Schedule("cosine");
      try (Trainer trainer = new Trainer(model, data, optimizer, schedule, Map.of("batch", 16, "epochs", 2))) {
        for (AutoCloseable needed : new AutoCloseable[] {model, data, optimizer, schedule}) needed.close();
        assertEquals(8, trainer.run(progress -> {}).step());
      }
    }
  }

  /** Calls go on while another thread closes: each ends with a result or with an exception. */
  @Test
  void closingWhileOthersCall() throws Exception {
    for (int round = 0; round < 5; ++round) {
      Device device = Fixtures.openDevice();
      Map<AutoCloseable, Runnable> all = Fixtures.everything(device);
      AtomicReference<Throwable> wrong = new AtomicReference<>();
      CountDownLatch started = new CountDownLatch(all.size());
      List<Thread> threads = new ArrayList<>();
      for (Runnable use : all.values()) {
        Thread thread = new Thread(() -> {
          try {
            use.run();
            started.countDown();
            for (;;) use.run();
          } catch (InvalidStateException | DeviceClosedException expected) {
            started.countDown();
          } catch (Throwable error) {
            wrong.set(error);
            started.countDown();
          }
        });
        threads.add(thread);
        thread.start();
      }
      started.await();
      if (round % 2 == 0) device.close();
      for (AutoCloseable object : all.keySet()) object.close();
      device.close();
      for (Thread thread : threads) thread.join();
      if (wrong.get() != null) throw new AssertionError(wrong.get());
    }
  }

  @Test
  void collectionInAnyOrder() throws Exception {
    long before = settle(-1);
    for (int round = 0; round < 5; ++round) {
      Device device = Fixtures.openDevice();
      Map<AutoCloseable, Runnable> all = Fixtures.everything(device);
      if (round == 1) device.close();
      if (round == 2) for (AutoCloseable object : all.keySet()) object.close();
      if (round > 2) all.values().forEach(Runnable::run);
      all = null;
      device = null;
      System.gc();
    }
    assertEquals(before, settle(before));
  }

  /** Collects until so many objects have a C++ part, or a while. */
  static long settle(long wanted) throws InterruptedException {
    for (int i = 0; i < 50 && Reaper.alive() != wanted; ++i) {
      System.gc();
      Thread.sleep(20);
    }
    return Reaper.alive();
  }

  @ParameterizedTest
  @ValueSource(strings = {"nothing", "exit", "close", "drop", "train", "train and drop", "evaluate", "hook", "halt", "throw"})
  void theEndOfTheProcessWithEverythingOpen(String end) throws Exception {
    for (int i = 0; i < 2; ++i) {
      Fixtures.Done done = Fixtures.java(folder, Map.of(), "-Xcheck:jni", "-cp", Fixtures.classPath(), "org.lemnos.Exits", end);
      assertEquals(end.equals("throw") ? 1 : 0, done.code(), done.output());
      assertFalse(done.output().contains("hs_err") || done.output().contains("terminate"), done.output());
    }
  }

  @Test
  void nothingLeaks() throws Exception {
    Fixtures.openDevice().close();
    Fixtures.Done done = Fixtures.java(folder, Map.of(), "-Xms64m", "-Xmx64m", "-XX:+AlwaysPreTouch", "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1", "-cp", Fixtures.classPath(), "org.lemnos.Cycles");
    System.out.println(done.output());
    assertEquals(0, done.code(), done.output());
  }
}
