import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.lemnos.*;

/** The scenario (../scenario.md) in Java. */
final class Scenario {
  static String hex(double... numbers) {
    return Arrays.stream(numbers)
        .mapToObj(number -> String.format("%08x", Float.floatToRawIntBits((float) number)))
        .collect(Collectors.joining(" "));
  }

  static String hex(float[] numbers, int from, int to) {
    return hex(java.util.stream.IntStream.range(from, to).mapToDouble(i -> numbers[i]).toArray());
  }

  static void evaluate(String word, Model model, Dataset dataset) {
    Metrics metrics = model.evaluate(dataset, 16);
    System.out.println(word + " " + metrics.correct() + " of " + metrics.images() + " loss " + hex(metrics.loss()));
  }

  static void writePictures(String folder) throws IOException {
    List<String> boxes = new ArrayList<>(List.of("file,class,xmin,ymin,xmax,ymax"));
    int state = 12345;
    for (int number = 0; number < 8; ++number) {
      int top = 8 * (number % 4);
      int left = 8 * (number / 4);
      ByteBuffer picture = Memory.allocate(64 * 64);
      for (int row = 0; row < 64; ++row) {
        for (int column = 0; column < 64; ++column) {
          boolean inside = row >= top && row < top + 32 && column >= left && column < left + 32;
          state = state * 1664525 + 1013904223;
          picture.put((byte) ((!inside ? 110 : number % 2 == 1 ? 20 : 220) + (state >>> 24) % 20));
        }
      }
      boxes.add(number + ".png," + (number % 2 == 1 ? "dark" : "bright") + "," + left + "," + top + "," + (left + 32) + ","
          + (top + 32));
      Lemnos.imageWritePng(Path.of(folder, number + ".png").toString(), picture.rewind(), 64, 64, 1);
    }
    Files.write(Path.of(folder, "boxes.csv"), boxes);
  }

  static Model detect(Device device, String folder) throws IOException {
    writePictures(folder);
    Dataset dataset = Dataset.open(folder, "train", Map.of("height", 64, "width", 64, "channels", 1));
    Map<String, Object> info = Json.parse(dataset.infoJson());
    System.out.println("pictures " + info.get("size") + " boxes " + info.get("boxes"));
    for (Box box : dataset.boxes(5)) {
      System.out.println("box " + box.name() + " " + hex(box.top(), box.left(), box.bottom(), box.right()));
    }
    Model detector = Model.build(device, "ssdlite_mobilenet_v2",
        Map.of("width", 0.1, "resolution", 64, "channels", 1, "classes", 2), 2);
    detector.prepare(dataset);
    System.out.println("detector " + Json.parse(detector.summaryJson()).get("parameters") + " parameters");

    Optimizer optimizer = new Optimizer("radam", Map.of("rate", 0.01));
    Trainer trainer = new Trainer(detector, dataset, optimizer, new Schedule("constant"),
        Map.of("batch", 4, "micro_batch", 4, "epochs", 3, "seed", 5));
    while (trainer.step()) {
      Progress at = trainer.progress(true);
      System.out.println("step " + at.step() + " loss " + hex(at.loss()));
    }
    double precision = (Double) Json.parse(detector.evaluateBoxesJson(dataset)).get("map_50");
    System.out.println("average precision " + hex(precision));
    ByteBuffer picture = Memory.allocate(64 * 64);
    dataset.read(0, picture);
    Predictor predictor = new Predictor(detector, 4, Map.of("score", 0.05, "limit", 3));
    for (Box found : predictor.detect(picture.rewind()).get(0)) {
      System.out.println("object " + found.name() + " "
          + hex(found.score(), found.top(), found.left(), found.bottom(), found.right()));
    }
    return detector;
  }

  static void provoke(Runnable call) {
    try {
      call.run();
    } catch (LemnosException error) {
      System.out.println("error " + error.code() + ": " + error.getMessage());
    }
  }

  public static void main(String[] arguments) throws IOException {
    try {
      run(arguments[0]);
    } catch (NoDeviceException error) {
      System.err.println(error.codeName() + ": " + error.getMessage());
      System.exit(1);
    }
  }

  static void run(String folder) throws IOException {
    Device device = new Device();
    ByteBuffer pixels = Memory.allocate(64 * 28 * 28);
    int[] labels = new int[64];
    int state = 12345;
    for (int image = 0; image < 64; ++image) {
      labels[image] = image % 4;
      for (int row = 0; row < 28; ++row) {
        for (int column = 0; column < 28; ++column) {
          state = state * 1664525 + 1013904223;
          boolean bright = row / 14 * 2 + column / 14 == labels[image];
          pixels.put((byte) ((bright ? 180 : 20) + (state >>> 24) % 40));
        }
      }
    }
    Dataset dataset = Dataset.create(pixels.rewind(), labels, 28, 28, 1, 4);
    Map<String, Object> info = Json.parse(dataset.infoJson());
    System.out.println("dataset " + info.get("size") + " images " + info.get("classes") + " classes");

    Model model = Model.build(
        device, "mobilenet_v2", Map.of("preset", "small28", "width", 0.1, "channels", 1, "classes", 4, "norm", "ghost:4"), 1);
    model.prepare(dataset);
    System.out.println("model " + Json.parse(model.summaryJson()).get("parameters") + " parameters");

    Optimizer optimizer = new Optimizer("radam", Map.of("rate", 0.01));
    Schedule schedule = new Schedule("grow_batch", Map.of("milestones", List.of(1, 3), "factor", 2, "largest_batch", 32));
    Trainer trainer = new Trainer(
        model, dataset, optimizer, schedule, Map.of("batch", 8, "micro_batch", 8, "epochs", 5, "seed", 5));
    System.out.println("steps " + trainer.progress(true).steps());
    while (trainer.step()) {
      Progress at = trainer.progress(true);
      System.out.println("step " + at.step() + " batch " + at.batch() + " loss " + hex(at.loss()) + " accuracy "
          + hex(at.accuracy()) + " rate " + hex(at.rate()));
    }
    evaluate("evaluation", model, dataset);

    String path = Path.of(folder, "scenario.safetensors").toString();
    model.save(path);
    Model loaded = Model.load(device, path);
    evaluate("reloaded", loaded, dataset);
    float[] bias = new float[4];
    loaded.read("classifier.1.bias", bias);
    System.out.println("bias " + hex(bias, 0, 4));

    float[] rows = new float[3 * 4];
    new Predictor(loaded, 2).run(pixels.limit(3 * 28 * 28), 3, rows);
    for (int image = 0; image < 3; ++image) {
      System.out.println("image " + image + ": " + hex(rows, 4 * image, 4 * image + 4));
    }

    Graph graph = new Graph();
    Value x = graph.input("x", 3);
    Value target = graph.input("target", 3);
    Value loss = Operators.meanSquaredError(x, target);
    Value gradient = graph.gradients(loss, x)[0];
    Map<Value, Tensor> tensors = List.of(x, target, loss, gradient).stream()
        .collect(Collectors.toMap(value -> value, value -> new Tensor(device, value.shape())));
    tensors.get(x).write(new float[] {1, 2, 3});
    tensors.get(target).write(new float[] {1, 1, 1});
    new Plan(device, graph, tensors).run();
    System.out.println(
        "loss " + hex(tensors.get(loss).floats(), 0, 1) + " gradient " + hex(tensors.get(gradient).floats(), 0, 3));

    Model detector = detect(device, folder);

    provoke(() -> Model.build(device, "mobilenet_v3", 1));
    provoke(() -> new Optimizer("radam", Map.of("beta", 0.9)));
    provoke(() -> new Trainer(detector, dataset, new Optimizer("radam"), schedule));
    device.close();
    provoke(() -> tensors.get(gradient).floats());
  }
}
