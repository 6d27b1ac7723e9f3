package org.lemnos;

import static org.junit.jupiter.api.Assertions.*;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.jar.JarFile;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The jar alone, in a folder far from the build, as a user has it. */
class PackageTest {
  @TempDir Path folder;
  Path jar;

  static final String PROGRAM = """
      import org.lemnos.*;
      public class Program {
        public static void main(String[] arguments) {
          System.out.println(Lemnos.isAvailable());
          if (arguments.length == 0) return;
          try (Device device = new Device(); Tensor tensor = new Tensor(device, 2)) {
            tensor.write(new float[] {1, 2});
            System.out.println(Lemnos.version() + " " + tensor.floats()[1]);
          }
          System.out.println(Device.class.getModule().getName());
        }
      }
      """;

  @BeforeEach
  void copy() throws Exception {
    Fixtures.openDevice().close();
    jar = Files.copy(Fixtures.JAR, folder.resolve("lemnos.jar"));
    Files.createDirectories(folder.resolve("plain"));
    Files.writeString(folder.resolve("Program.java"), PROGRAM);
    tool("javac", "-cp", jar, "-d", folder.resolve("plain"), folder.resolve("Program.java"));
  }

  static void tool(String name, Object... arguments) {
    String[] words = Arrays.stream(arguments).map(Object::toString).toArray(String[]::new);
    assertEquals(0, ToolProvider.findFirst(name).orElseThrow().run(System.out, System.err, words));
  }

  String run(Map<String, String> environment, String... arguments) throws Exception {
    Fixtures.Done done = Fixtures.java(folder, environment, arguments);
    assertEquals(0, done.code(), done.output());
    return done.output().replace(System.lineSeparator(), "\n");
  }

  String onClassPath(String... first) throws Exception {
    List<String> arguments = new ArrayList<>(List.of(first));
    arguments.addAll(List.of("-cp", "plain" + File.pathSeparator + "lemnos.jar", "Program"));
    return run(Map.of(), arguments.toArray(String[]::new));
  }

  @Test
  void onABareClassPath() throws Exception {
    String output = run(Map.of(), "-cp", "plain" + File.pathSeparator + "lemnos.jar", "Program", "all");
    assertEquals("true\n" + Lemnos.version() + " 2.0\nnull\n", output);
  }

  @Test
  void onTheModulePath() throws Exception {
    Path sources = Files.createDirectories(folder.resolve("sources/user"));
    Files.writeString(folder.resolve("sources/module-info.java"), "module user { requires org.lemnos; }");
    Files.writeString(sources.resolve("Program.java"), "package user;\n" + PROGRAM);
    tool("javac", "-p", jar, "-d", folder.resolve("modules/user"), folder.resolve("sources/module-info.java"),
        sources.resolve("Program.java"));
    String output = run(Map.of(), "-p", "lemnos.jar" + File.pathSeparator + "modules", "-m", "user/user.Program", "all");
    assertEquals("true\n" + Lemnos.version() + " 2.0\norg.lemnos\n", output);
    assertTrue(run(Map.of(), "-p", "lemnos.jar", "--describe-module", "org.lemnos").startsWith("org.lemnos@" + Lemnos.version()));
  }

  @Test
  void nothingIsLeftBehind() throws Exception {
    Path temporary = Files.createDirectories(folder.resolve("temporary"));
    assertEquals("true\n", onClassPath("-Djava.io.tmpdir=" + temporary));
    try (Stream<Path> files = Files.list(temporary)) {
      assertEquals(List.of(), files.filter(file -> file.getFileName().toString().startsWith("lemnos")).toList());
    }
  }

  @Test
  void isAvailableNeverThrows() throws Exception {
    assertEquals("false\n", onClassPath("-Dorg.lemnos.library.path=/nowhere"));
    assertEquals("false\n", onClassPath("-Djava.io.tmpdir=/nowhere"));
    assertEquals("false\n", onClassPath("-Dos.arch=pdp11"));
    Map<String, String> noDriver = Map.of("VK_DRIVER_FILES", "/nowhere.json", "VK_ICD_FILENAMES", "/nowhere.json");
    assertEquals("false\n", run(noDriver, "-cp", "plain" + File.pathSeparator + "lemnos.jar", "Program"));
    Path bad = Files.createDirectories(folder.resolve("bad"));
    Files.writeString(bad.resolve(System.mapLibraryName("lemnos_java")), "no library");
    assertTrue(onClassPath("-Dorg.lemnos.library.path=" + bad).endsWith("false\n")); // after a warning of the JVM's
  }

  @Test
  void theLibraryIsSoughtInItsOrder() throws Exception {
    String folder = Fixtures.BUILD.resolve("bindings/java/native").toString();
    assertEquals("true\n", onClassPath("-Dorg.lemnos.library.path=" + folder, "-Djava.io.tmpdir=/nowhere"));
    assertEquals("true\n", onClassPath("-Djava.library.path=/nowhere"));
    assertEquals("true\n", onClassPath("-Dos.arch=pdp11", "-Djava.library.path=" + folder));
    Fixtures.Done done = Fixtures.java(
        this.folder, Map.of(), "-Dos.arch=pdp11", "-cp", "plain" + File.pathSeparator + "lemnos.jar", "Program", "all");
    assertTrue(done.output().contains("no native library for linux-pdp11"), done.output());
  }

  @Test
  void theOtherJarsAndThePom() throws Exception {
    String base = Fixtures.JAR.toString().replace(".jar", "");
    try (JarFile sources = new JarFile(base + "-sources.jar"); JarFile manual = new JarFile(base + "-javadoc.jar")) {
      for (String name : List.of("module-info", "org/lemnos/Tensor", "org/lemnos/Memory", "org/lemnos/Operators")) {
        assertNotNull(sources.getEntry(name + ".java"), name);
      }
      assertNotNull(manual.getEntry("org.lemnos/org/lemnos/Tensor.html"));
    }
    var pom = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(new File(base + ".pom")).getDocumentElement();
    assertEquals("org.lemnos", pom.getElementsByTagName("groupId").item(0).getTextContent());
    assertEquals("lemnos", pom.getElementsByTagName("artifactId").item(0).getTextContent());
    assertEquals(Lemnos.version(), pom.getElementsByTagName("version").item(0).getTextContent());
    try (JarFile ours = new JarFile(jar.toFile())) {
      assertNotNull(ours.getEntry("META-INF/maven/org.lemnos/lemnos/pom.xml"));
      assertNotNull(ours.getEntry("META-INF/LICENSE"));
    }
  }
}
