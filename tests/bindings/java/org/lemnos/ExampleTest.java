package org.lemnos;

import static org.junit.jupiter.api.Assertions.*;

import java.nio.file.Path;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The example runs as its first lines say, and learns. */
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
}
