package org.lemnos;

import static org.junit.jupiter.api.Assumptions.abort;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What the tests share: a device, images that a small network learns, other processes. */
final class Fixtures {
  static final Map<String, Object> SMALL =
      Map.of("preset", "small28", "width", 0.1, "resolution", 8, "channels", 1, "classes", 4, "head", 16, "dropout", 0);
  static final Path SOURCE = Path.of(System.getenv("LEMNOS_SOURCE"));
  static final Path BUILD = Path.of(System.getenv("LEMNOS_BUILD"));
  static final Path JAR = Path.of(System.getenv("LEMNOS_JAR"));

  private Fixtures() {}

  static Device openDevice() {
    try {
      return new Device();
    } catch (NoDeviceException error) {
      return abort(error.getMessage());
    }
  }

  /** Grey images of 8 x 8 in four classes: one bright quarter each, with noise. */
  static ByteBuffer pixels(int count) {
    ByteBuffer pixels = Memory.allocate(count * 64L);
    int state = 12345;
    for (int i = 0; i < count * 64; ++i) {
      state = state * 1664525 + 1013904223;
      boolean bright = i % 64 / 32 * 2 + i % 8 / 4 == i / 64 % 4;
      pixels.put((byte) ((bright ? 180 : 20) + (state >>> 24) % 40));
    }
    return pixels.rewind();
  }

  static Dataset quarters() {
    int[] labels = new int[64];
    for (int i = 0; i < 64; ++i) labels[i] = i % 4;
    return Dataset.create(pixels(64), labels, 8, 8, 1, 4);
  }

  static Model model(Device device, Dataset data) {
    Model model = Model.build(device, "mobilenet_v2", SMALL, 1);
    model.prepare(data);
    return model;
  }

  /** One of each kind, with a use of it. */
  static Map<AutoCloseable, Runnable> everything(Device device) {
    Dataset data = quarters();
    Model model = model(device, data);
    Graph graph = new Graph();
    Value x = graph.input("x", 4);
    Value y = Operators.relu(x);
    Tensor tensor = new Tensor(device, 4);
    Plan plan = new Plan(device, graph, Map.of(x, tensor, y, new Tensor(device, 4)));
    Optimizer optimizer = new Optimizer("radam");
    Schedule schedule = new Schedule("cosine");
    Trainer trainer = new Trainer(model, data, optimizer, schedule, Map.of("batch", 16, "epochs", 2));
    Predictor predictor = new Predictor(model, 2);
    Map<AutoCloseable, Runnable> all = new LinkedHashMap<>();
    all.put(tensor, tensor::floats);
    all.put(graph, graph::json);
    all.put(plan, plan::run);
    all.put(data, data::infoJson);
    all.put(model, model::summaryJson);
    all.put(optimizer, () -> new Schedule("cosine").planJson(optimizer, Map.of("examples", 1000)));
    all.put(schedule, () -> schedule.factor(0, 1, 1));
    all.put(trainer, trainer::step);
    all.put(predictor, () -> predictor.run(pixels(1), 1, new float[4]));
    return all;
  }

  // ---- files and processes --------------------------------------------------------------------------------------------

  static String read(Path path) throws IOException {
    return Files.readString(path);
  }

  /** What a process ended with, and said. */
  record Done(int code, String output) {}

  static Done run(Path folder, Map<String, String> environment, List<String> command) throws Exception {
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true).directory(folder.toFile());
    builder.environment().putAll(environment);
    Process process = builder.start();
    process.getOutputStream().close();
    try (InputStream output = process.getInputStream()) {
      String text = new String(output.readAllBytes(), StandardCharsets.UTF_8);
      return new Done(process.waitFor(), text);
    }
  }

  static Done java(Path folder, Map<String, String> environment, String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
    command.addAll(List.of(arguments));
    return run(folder, environment, command);
  }

  /** Where these tests and the jar are. */
  static String classPath() {
    return System.getenv("LEMNOS_BUILD") + "/tests/bindings/java/classes" + File.pathSeparator + JAR;
  }
}
