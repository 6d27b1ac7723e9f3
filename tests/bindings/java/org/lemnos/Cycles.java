package org.lemnos;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** 10,000 times everything that is cheap, each used and dropped, failures among them: a process of LifetimeTest's. */
final class Cycles {
  private Cycles() {}

  private static final float[] FLOATS = new float[256];
  private static final ByteBuffer BYTES = Memory.allocate(1024);

  static void cycle(Device device, int number) throws InterruptedException {
    Tensor tensor = new Tensor(device, 256);
    tensor.write(FLOATS);
    tensor.write(BYTES);
    tensor.read(FLOATS);
    Graph graph = new Graph();
    Value x = graph.input("x", tensor.shape());
    graph.gradients(Operators.sum(x), x);
    graph.json();
    new Optimizer("radam", Map.of("rate", 0.1));
    new Schedule("cosine").factor(1, 10, 5);
    expect(NotFoundException.class, () -> new Optimizer("adma"));
    expect(InvalidArgumentException.class, () -> tensor.write(new float[5]));
    if (number % 2 == 0) tensor.close();
    if (number % 100 == 0) {
      System.gc();
      Thread.sleep(2); // the Cleaner's turn
    }
  }

  static void expect(Class<?> kind, Runnable call) {
    try {
      call.run();
    } catch (LemnosException error) {
      if (kind.isInstance(error)) return;
    }
    throw new AssertionError("no " + kind);
  }

  static long resident() throws IOException {
    return Long.parseLong(Files.readString(Path.of("/proc/self/statm")).split(" ")[1]) * 4096;
  }

  public static void main(String[] arguments) throws Exception {
    try (Device device = new Device()) {
      for (int i = 0; i < 4000; ++i) cycle(device, i);
      LifetimeTest.settle(1);
      Map<String, Object> counters = Json.parse(device.countersJson());
      long before = resident();
      for (int i = 0; i < 10000; ++i) cycle(device, i);
      long alive = LifetimeTest.settle(1);
      Map<String, Object> after = Json.parse(device.countersJson());
      double growth = (double) resident() / before - 1;
      long handles = Lemnos.liveForTests();
      System.out.printf("live objects and handles %d and %d (the device), buffers %s of %s, RSS grew by %.2f %% of %d bytes%n",
          alive, handles, after.get("buffers"), counters.get("buffers"), 100 * growth, before);
      if (alive != 1 || handles != 1) System.exit(1);
      if (!after.get("buffers").equals(counters.get("buffers")) || growth >= 0.02) System.exit(1);
      if (!after.get("memory_bytes").equals(counters.get("memory_bytes"))) System.exit(1);
    }
  }
}
