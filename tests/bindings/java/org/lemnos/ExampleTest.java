package org.lemnos;

import static org.junit.jupiter.api.Assertions.*;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The example runs as its first lines say, and learns; the program of the README runs as it stands there. */
class ExampleTest {
  @Test
  void drawWithoutAWindow(@TempDir Path folder) throws Exception {
    Fixtures.openDevice().close();
    Fixtures.Done done = Fixtures.java(folder, Map.of("DISPLAY", ""), "-cp", Fixtures.JAR.toString(),
        Fixtures.SOURCE.resolve("examples/java/Draw.java").toString(), "--headless");
    assertEquals(0, done.code(), done.output());
    Matcher said = Pattern.compile("(\\d+) of 60 new drawings are recognised").matcher(done.output());
    assertTrue(said.find(), done.output());
    assertTrue(Integer.parseInt(said.group(1)) >= 48, done.output());
  }

  @Test
  void theProgramOfTheReadme(@TempDir Path folder) throws Exception {
    Fixtures.openDevice().close();
    String readme = Fixtures.read(Fixtures.SOURCE.resolve("README.md"));
    Matcher program = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL).matcher(readme);
    assertTrue(program.find());
    Files.writeString(folder.resolve("Photos.java"), program.group(1));
    Random random = new Random(1);
    byte[] pixels = new byte[3 * 40 * 40];
    for (int i = 0; i < 16; ++i) {
      for (int at = 0; at < pixels.length; ++at) pixels[at] = (byte) (random.nextInt(60) + (at % 3 == i % 2 ? 180 : 0));
      Path file = folder.resolve("photos/train/" + (i % 2 == 0 ? "red/" : "green/") + i + ".png");
      Files.createDirectories(file.getParent());
      Lemnos.imageWritePng(file.toString(), Memory.of(pixels), 40, 40, 3);
    }
    Files.copy(folder.resolve("photos/train/red/0.png"), folder.resolve("cat.jpg"));
    Fixtures.Done done = Fixtures.java(folder, Map.of(), "-cp", Fixtures.JAR.toString(), "Photos.java");
    assertEquals(0, done.code(), done.output());
    assertTrue(done.output().contains("step 5 of 5: loss "), done.output());
    assertTrue(done.output().contains("[Guess[name="), done.output());
    assertTrue(Files.size(folder.resolve("photos.safetensors")) > 8_000_000);
  }
}
