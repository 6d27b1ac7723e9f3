package org.lemnos;

import static org.junit.jupiter.api.Assertions.*;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Every result code is an exception with its message, code and step. */
class ErrorsTest {
  static LemnosException provoke(int code, String sentence, long step) {
    return assertThrows(LemnosException.class, () -> Lemnos.failForTests(code, sentence, step));
  }

  @Test
  void everyCodeHasAClassOfItsOwn() throws Exception {
    String header = Fixtures.read(Fixtures.SOURCE.resolve("capi/include/lemnos/lemnos.h"));
    Matcher matcher = Pattern.compile("^ +(LEM_ERROR_\\w+) = (-\\d+)", Pattern.MULTILINE).matcher(header);
    Set<Class<?>> classes = new HashSet<>();
    int count = 0;
    for (; matcher.find(); ++count) {
      int code = Integer.parseInt(matcher.group(2));
      LemnosException error = provoke(code, "Ein Satz über „Umlaute“ und 🌋.", 7);
      assertEquals(code, error.code());
      assertEquals(matcher.group(1), error.codeName());
      assertEquals("Ein Satz über „Umlaute“ und 🌋.", error.getMessage());
      assertEquals(OptionalLong.of(7), error.step());
      assertNotSame(LemnosException.class, error.getClass());
      assertEquals(error.getClass(), Class.forName("org.lemnos." + error.getClass().getSimpleName()));
      classes.add(error.getClass());
    }
    assertTrue(count >= 14);
    assertEquals(count, classes.size());
    assertEquals(count, Failures.CODES.length);
  }

  @Test
  void aLaterCodeIsTheBaseClass() {
    LemnosException error = provoke(-12345, "Something new.", -1);
    assertSame(LemnosException.class, error.getClass());
    assertEquals(-12345, error.code());
    assertEquals("an unknown result", error.codeName());
    assertEquals(OptionalLong.empty(), error.step());
  }

  @Test
  void sentencesAreTheLibrarys() {
    assertEquals("There is no optimizer \"adma\". Did you mean \"adam\"?",
        assertThrows(NotFoundException.class, () -> new Optimizer("adma")).getMessage());
    assertEquals("Optimizer adam has no attribute \"beta\". Did you mean \"beta1\"?",
        assertThrows(InvalidArgumentException.class, () -> new Optimizer("adam", Map.of("beta", 0.9))).getMessage());
    assertTrue(assertThrows(LemnosException.class, () -> new Optimizer("adam", "{")).getMessage().endsWith("."));
    assertThrows(LemnosException.class, () -> Dataset.open("/nowhere/at/all", "train"));
    assertThrows(NoDeviceException.class, () -> new Device("no such device"));
  }

  @Test
  void whatIsNullIsSaid() {
    assertThrows(NullPointerException.class, () -> new Optimizer(null));
    String message = assertThrows(NullPointerException.class, () -> new Predictor(null, 1)).getMessage();
    assertEquals("A Model is needed (given: null).", message);
    assertThrows(NullPointerException.class, () -> Dataset.create(null, new int[0], 1, 1, 1, 1));
    assertThrows(NullPointerException.class, () -> Dataset.create(Memory.allocate(1), null, 1, 1, 1, 1));
  }

  @Test
  void aTextWithAZeroIsRefused() {
    String message = assertThrows(InvalidArgumentException.class, () -> new Optimizer("adam\0x")).getMessage();
    assertTrue(message.contains("zero character"), message);
  }

  @Test
  void optionsOfAnyKind() {
    new Optimizer("radam", Map.of("rate", 0.5f)).close();
    new Optimizer("radam", "{\"rate\": 0.5}").close();
    new Optimizer("radam", (Map<String, ?>) null).close();
    new Schedule("grow_batch", Map.of("milestones", new double[] {0.5}, "factor", 2L)).close();
    new Schedule("grow_batch", Map.of("milestones", List.of(1, 2), "factor", (short) 2)).close();
    assertThrows(IllegalArgumentException.class, () -> new Optimizer("radam", Map.of("rate", new Object())));
    assertThrows(IllegalArgumentException.class, () -> new Optimizer("radam", Map.of("rate", Double.NaN)));
    String text = Json.text(Map.of("a\"\n", List.of(Map.of("b", "ü\\🌋"), true, 1.5, -3)));
    assertEquals(Map.of("a\"\n", List.of(Map.of("b", "ü\\🌋"), true, 1.5, -3L)), Json.parse(text));
    assertEquals("{a=[], b={}, c=null, d=é\t}", Json.parse(" { \"a\":[ ],\"b\" :{ }, \"c\":null,\"d\":\"\\u00e9\\t\"} ").toString());
    for (String wrong : new String[] {"", "{", "{\"a\"", "{\"a\": }", "{} x", "{\"a\": tru}", "[1, ", "{\"a"}) {
      assertThrows(IllegalArgumentException.class, () -> Json.parse(wrong), wrong);
    }
  }

  @Test
  void aDivergedTrainingNamesItsStep() {
    try (Device device = Fixtures.openDevice()) {
      Dataset data = Fixtures.quarters();
      Model model = Fixtures.model(device, data);
      Trainer trainer = new Trainer(
          model, data, new Optimizer("sgd"), new Schedule("constant"), Map.of("batch", 16, "micro_batch", 16, "epochs", 50));
      trainer.step();
      trainer.progress(true);
      float[] wrong = new float[4];
      Arrays.fill(wrong, Float.NaN);
      model.write("classifier.1.bias", wrong);
      InvalidStateException error = assertThrows(InvalidStateException.class, () -> trainer.run(progress -> {}));
      assertTrue(error.step().getAsLong() >= 2);
    }
  }

  @Test
  void threadsHaveSentencesOfTheirOwn() {
    IntStream.range(0, 800).parallel().forEach(number -> {
      String message = assertThrows(NotFoundException.class, () -> new Optimizer("nothing" + number)).getMessage();
      assertTrue(message.contains("\"nothing" + number + "\""), message);
    });
  }
}
