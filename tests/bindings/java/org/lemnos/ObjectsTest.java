package org.lemnos;

import static org.junit.jupiter.api.Assertions.*;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.*;
import org.junit.jupiter.api.io.TempDir;

/** Graphs, plans, data sets, models, trainings and predictors, as one uses them. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ObjectsTest {
  Device device;
  Dataset data;
  @TempDir Path folder;

  @BeforeAll
  void open() {
    device = Fixtures.openDevice();
    data = Fixtures.quarters();
  }

  @AfterAll
  void close() {
    if (device != null) device.close();
  }

  @Test
  void theLibrary() {
    assertTrue(Lemnos.buildInfo().startsWith("Lemnos " + Lemnos.version()));
    assertTrue(Lemnos.isAvailable());
    assertEquals("trainer", Json.parseList(Lemnos.optionsJson("trainer")).get(0).get("name"));
    Map<String, Object> summary = Json.parse(Lemnos.summaryJson("mobilenet_v2", Map.of("width", 1.0, "resolution", 224)));
    assertEquals(3504872L, summary.get("parameters"));
    assertEquals(Json.parseList(Lemnos.devicesJson()).get(0).get("name"), Json.parse(device.infoJson()).get("name"));
    assertEquals("Device " + Json.parse(device.infoJson()).get("name"), device.toString());
  }

  @Test
  void aDeviceWithALimitAndALog() {
    try (Device small = new Device("0", 1 << 20, true, true)) {
      assertThrows(OutOfDeviceMemoryException.class, () -> new Tensor(small, 1 << 20));
      small.takeLog();
      assertEquals("", small.takeLog());
    }
  }

  @Test
  void aGraphWithItsGradient() {
    Graph graph = new Graph();
    Value x = graph.input("x", 3);
    Value target = graph.input("target", 3);
    Value loss = Operators.meanSquaredError(x, target);
    Value gradient = graph.gradients(loss, x)[0];
    assertArrayEquals(new long[] {3}, gradient.shape());
    assertArrayEquals(new long[0], loss.shape());
    Map<Value, Tensor> tensors = new HashMap<>();
    for (Value value : List.of(x, target, loss, gradient)) tensors.put(value, new Tensor(device, value.shape()));
    Plan plan = new Plan(device, graph, tensors);
    graph.close();
    tensors.get(x).write(new float[] {1, 2, 3});
    tensors.get(target).write(new float[] {1, 1, 1});
    plan.run();
    assertEquals(5f / 3, tensors.get(loss).floats()[0], 1e-6);
    assertArrayEquals(new float[] {0, 2f / 3, 4f / 3}, tensors.get(gradient).floats(), 1e-6f);
    tensors.get(x).write(new float[] {1, 1, 1});
    assertTrue(device.await(plan.runAsync(), 60_000_000_000L));
    assertEquals(0f, tensors.get(loss).floats()[0]);
    assertTrue(plan.workspace() >= 0);
    assertThrows(InvalidArgumentException.class, () -> device.await(1_000_000_000, 0));
  }

  @Test
  void operators() {
    Graph graph = new Graph();
    Value a = graph.input("a", 1, 4, 4, 3);
    Value b = graph.input("b", 3);
    Value filters = graph.input("filters", 3, 3, 3, 8);
    Operators.Conv2d attributes =
        new Operators.Conv2d().stride(2, 2).padding(1, 1, 1, 1).activation(Operators.Conv2d.Activation.RELU);
    assertArrayEquals(new long[] {1, 2, 2, 8}, Operators.conv2d(Operators.add(a, b), filters, attributes).shape());
    assertArrayEquals(new long[] {1, 4, 4, 9}, Operators.concat(a, a, a).shape());
    assertArrayEquals(
        new long[] {2, 2}, Operators.constant(graph, new long[] {2, 2}, new Operators.Constant().value(3)).shape());
    assertArrayEquals(new long[] {48}, Operators.reshape(a, 48).shape());
    Operators.NormalisationResults moments = Operators.normalisation(a, b, b);
    assertArrayEquals(new long[] {1, 4, 4, 3}, moments.y().shape());
    assertArrayEquals(new long[] {3}, moments.variance().shape());
    assertEquals(moments.mean(), moments.y().result(1));
    assertThrows(NotFoundException.class, () -> graph.op("conv2", new Value[] {a, filters}));
    assertThrows(InvalidArgumentException.class, () -> Operators.conv2d(a, filters, new Operators.Conv2d().stride(0, 0)));
    assertThrows(IllegalArgumentException.class, () -> new Graph().op("relu", new Value[] {a}));
    assertThrows(IllegalArgumentException.class, () -> new Plan(device, new Graph(), Map.of(a, new Tensor(device, 1))));
    assertEquals("a", ((Map<?, ?>) ((List<?>) Json.parse(graph.json()).get("nodes")).get(0)).get("name"));
  }

  @Test
  void aDataSet() throws Exception {
    Map<String, Object> info = Json.parse(data.infoJson());
    assertEquals(64L, info.get("size"));
    assertEquals(List.of("0", "1", "2", "3"), info.get("class_names"));
    ByteBuffer pixels = Memory.allocate(64);
    assertEquals(1, data.read(5, pixels));
    assertEquals(Fixtures.pixels(6).position(5 * 64).slice(), pixels);
    assertThrows(InvalidArgumentException.class, () -> data.read(64, pixels));
    String path = folder.resolve("ein Bild ü🌋.png").toString();
    Lemnos.imageWritePng(path, pixels, 8, 8, 1);
    ByteBuffer again = Memory.allocate(64);
    Lemnos.imageRead(path, 8, 8, 1, again);
    assertEquals(pixels, again);
    assertTrue(Files.exists(Path.of(path)));
  }

  @Test
  void aTraining() {
    Model model = Fixtures.model(device, data);
    List<Progress> history = new ArrayList<>();
    try (Trainer trainer = new Trainer(model, data, new Optimizer("adam", Map.of("rate", 0.03)), new Schedule("cosine"),
        Map.of("batch", 16, "micro_batch", 8, "epochs", 20, "seed", 5))) {
      Progress end = trainer.run(history::add);
      assertEquals(80, end.step());
      assertEquals(end.steps(), end.step());
      assertFalse(trainer.step());
      assertEquals(80, history.size());
      assertEquals(1, history.get(0).step());
      assertTrue(end.loss() < 0.5 * Math.log(4), () -> "loss " + end.loss());
      assertTrue(end.imagesPerSecond() > 0 && end.lossScale() == 1);
      String path = folder.resolve("training.safetensors").toString();
      trainer.save(path);
      trainer.resume(path);
      assertThrows(InvalidStateException.class, trainer::swapAverage);
    }
    Metrics metrics = model.evaluate(data, 0);
    assertEquals(64, metrics.images());
    assertEquals((double) metrics.correct() / 64, metrics.accuracy());
    assertTrue(metrics.accuracy() > 0.9, () -> metrics.toString());
  }

  @Test
  void aModel() throws Exception {
    Model model = Fixtures.model(device, data);
    assertEquals(new ModelInput(8, 8, 1, 4), model.input());
    model.setPixels(new double[] {0.5}, new double[] {0.25});
    assertEquals(List.of(0.5), Json.parse(model.summaryJson()).get("mean"));
    assertThrows(InvalidArgumentException.class, () -> model.setPixels(new double[2], new double[1]));
    model.setAlpha("*", 0.25);
    assertTrue(model.alphaJson().contains("0.25"));
    model.setClassNames(List.of("a", "\"b\"", "ç", "d"));
    assertEquals(List.of("a", "\"b\"", "ç", "d"), model.classNames());
    String path = folder.resolve("modèle.safetensors").toString();
    model.save(path);
    Model again = Model.load(device, path);
    assertEquals(model.summaryJson(), again.summaryJson());
    assertEquals(model.evaluate(data, 16).loss(), again.evaluate(data, 16).loss());
    again.loadWeights(path);
    Map<String, Object> report = Json.parse(Model.build(device, "mobilenet_v2", Fixtures.SMALL, 2).loadMatching(path));
    assertEquals(List.of(), report.get("differ"));
    float[] bias = {1, 2, 3, 4};
    model.write("classifier.1.bias", bias);
    float[] read = new float[4];
    model.read("classifier.1.bias", read);
    assertArrayEquals(bias, read);
    Files.writeString(Path.of(path), "no model");
    assertThrows(FileMalformedException.class, () -> Model.load(device, path));
    assertThrows(NotFoundException.class, () -> model.read("no such parameter", read));
  }

  @Test
  void aScheduleAsItIsPlanned() {
    assertEquals(0.2, new Schedule("constant", Map.of("warmup", 4)).factor(0, 10, 5), 1e-9);
    String plan = new Schedule("grow_batch", Map.of("largest_batch", 5120)).planJson(
        new Optimizer("sgd", Map.of("rate", 0.1, "momentum", 0.9)), Map.of("examples", 50000, "epochs", 200, "points", 4));
    assertEquals(29040L, Json.parse(plan).get("steps"));
  }

  @Test
  void aPredictorFromManyThreads() {
    Predictor predictor = new Predictor(Fixtures.model(device, data), 4);
    float[] rows = new float[6 * 4];
    predictor.run(Fixtures.pixels(6), 6, rows);
    for (int image = 0; image < 6; ++image) {
      assertEquals(1, rows[4 * image] + rows[4 * image + 1] + rows[4 * image + 2] + rows[4 * image + 3], 1e-5);
    }
    IntStream.range(0, 64).parallel().forEach(i -> {
      float[] mine = new float[6 * 4];
      predictor.run(Fixtures.pixels(6), 6, mine);
      assertArrayEquals(rows, mine);
    });
    assertArrayEquals(rows, predictor.run(Fixtures.pixels(6)));
    List<List<Guess>> guesses = predictor.classify(Fixtures.pixels(6), 2);
    assertEquals(6, guesses.size());
    assertEquals(2, guesses.get(0).size());
    assertTrue(guesses.get(5).get(0).probability() >= guesses.get(5).get(1).probability());
    assertTrue(assertThrows(IllegalStateException.class, () -> predictor.detect(Fixtures.pixels(6))).getMessage()
        .contains("needs a model that can detect"));
    assertThrows(IllegalArgumentException.class, () -> predictor.run(Memory.allocate(65)));
    assertThrows(InvalidArgumentException.class, () -> predictor.run(Memory.allocate(65), 1, new float[4]));
    assertThrows(InvalidArgumentException.class, () -> predictor.run(Memory.allocate(64), 1, new float[5]));
  }

  @Test
  void everythingSaysWhatItIs() {
    Model model = Fixtures.model(device, data);
    Trainer trainer = new Trainer(model, data, new Optimizer("adam"), new Schedule("constant"), Map.of("batch", 16, "epochs", 1));
    assertEquals("Dataset of 64 images, 8 x 8 x 1, in 4 classes", data.toString());
    assertEquals(64, data.size());
    assertEquals("Model mobilenet_v2, " + model.parameters() + " parameters", model.toString());
    assertEquals("Trainer at step 0 of 4", trainer.toString());
    assertEquals("Predictor of 8 x 8 x 1, 4 classes", new Predictor(model, 1).toString());
    trainer.close();
    model.close();
    assertEquals("Trainer (closed) Model (closed)", trainer + " " + model);
    String message = assertThrows(NullPointerException.class, () -> new Tensor(device, (Dtype) null, 1)).getMessage();
    assertEquals("A Dtype is needed (given: null).", message);
  }
}
