package org.lemnos;

import static org.junit.jupiter.api.Assertions.*;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.Executable;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.jar.JarFile;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What must hold of the interface as a whole: everything is reachable, nothing is opaque, what is generated is current. */
class InterfaceTest {
  /** No binding calls these: an object of a language holds one reference, and sharing it is the language's own business. */
  static final Set<String> NOT_CALLED =
      Set.of("lem_device_retain", "lem_tensor_retain", "lem_model_retain", "lem_dataset_retain");

  static List<Class<?>> classes() throws Exception {
    List<Class<?>> classes = new ArrayList<>();
    try (JarFile jar = new JarFile(Fixtures.JAR.toFile())) {
      for (String name : (Iterable<String>) jar.stream().map(entry -> entry.getName())::iterator) {
        if (name.startsWith("org/lemnos/") && name.endsWith(".class") && !name.contains("-info")) {
          classes.add(Class.forName(name.replace('/', '.').replace(".class", "")));
        }
      }
    }
    assertTrue(classes.size() > 50);
    return classes;
  }

  @Test
  void everyFunctionIsReachable() throws Exception {
    Set<String> symbols = new TreeSet<>(
        Arrays.asList(Fixtures.read(Fixtures.SOURCE.resolve("capi/lemnos.symbols")).trim().split("\\s+")));
    Fixtures.Done done = Fixtures.run(Fixtures.BUILD, Map.of(),
        List.of(System.getenv("LEMNOS_PYTHON"), Fixtures.SOURCE + "/bindings/generate", "--functions"));
    Set<String> reached = new TreeSet<>(Arrays.asList(done.output().trim().split("\\s+")));
    reached.addAll(NOT_CALLED);
    assertTrue(symbols.size() > 70);
    assertEquals(symbols, reached);
  }

  /** What SWIG wrapped stands behind a public method or constructor of its class. */
  @Test
  void everyWrapperIsReachable() throws Exception {
    Set<String> hidden = Set.of(
        "failForTests", "liveForTests", "versionNumber", "Bindings_bind", "new_Bindings", "Model_setClassNamesJson");
    Set<String> missing = new TreeSet<>();
    for (Method method : Native.class.getDeclaredMethods()) {
      String name = method.getName().replaceAll("__SWIG_\\d", "");
      if (!Modifier.isNative(method.getModifiers()) || name.startsWith("delete_") || hidden.contains(name)) continue;
      int cut = name.indexOf('_');
      boolean constructor = name.startsWith("new_");
      String owner = constructor ? name.substring(4) : cut < 0 ? "Lemnos" : name.substring(0, cut);
      String call = name.substring(cut + 1);
      Class<?> kind = Class.forName("org.lemnos." + owner);
      boolean found = constructor
          ? kind.getConstructors().length > 0
          : Arrays.stream(kind.getMethods()).anyMatch(each -> each.getName().equals(call));
      if (!found) missing.add(name);
    }
    assertEquals(Set.of(), missing);
  }

  @Test
  void nothingIsOpaqueAndNothingIsFinalized() throws Exception {
    for (Class<?> kind : classes()) {
      assertFalse(kind.getName().contains("SWIG"), kind.getName());
      assertFalse(Arrays.stream(kind.getDeclaredMethods()).anyMatch(method -> method.getName().equals("finalize")));
      if (!Modifier.isPublic(kind.getModifiers())) continue;
      for (Executable member : Stream.concat(Arrays.stream(kind.getMethods()), Arrays.stream(kind.getConstructors())).toList()) {
        assertFalse(member.toString().contains("SWIG"), member.toString());
        assertFalse(member.getDeclaringClass() == kind && member.getName().contains("_"), member.toString());
        assertFalse(member.getName().equals("delete") || member.getName().equals("getCPtr"), member.toString());
      }
    }
  }

  @Test
  void noHandleIsFreed() throws Exception {
    String generated = Fixtures.read(Fixtures.BUILD.resolve("bindings/java/generated/swig/native.cpp"));
    assertTrue(generated.length() > 50_000);
    assertFalse(Pattern.compile("free\\(\\(char \\*\\) *(arg1|result)|free\\([^)]*lem_").matcher(generated).find());
    // Each object is deleted as what it is, and nothing else is.
    Matcher matcher = Pattern.compile("lemnos::binding::(\\w+) \\*arg1[^}]*delete arg1").matcher(generated);
    Set<String> deleted = new TreeSet<>();
    while (matcher.find()) deleted.add(matcher.group(1));
    assertEquals(new TreeSet<>(Set.of("Bindings", "Dataset", "Device", "Graph", "Model", "Optimizer", "Plan", "Predictor",
        "Schedule", "Tensor", "Trainer")), deleted);
  }

  @Test
  void operatorsAreThoseOfTheLibrary() throws Exception {
    String committed = Fixtures.read(Fixtures.SOURCE.resolve("bindings/common/operators.json"));
    assertEquals(Json.parseList(committed), Json.parseList(Lemnos.operatorsJson()));
  }

  @Test
  void typesOfElementsAreThoseOfTheHeader() throws Exception {
    String header = Fixtures.read(Fixtures.SOURCE.resolve("capi/include/lemnos/lemnos.h"));
    Matcher matcher = Pattern.compile("LEM_DTYPE_([A-Z]+\\d+) = (\\d+)").matcher(header);
    int count = 0;
    for (; matcher.find(); ++count) assertEquals(Integer.parseInt(matcher.group(2)), Dtype.valueOf(matcher.group(1)).code);
    assertEquals(Dtype.values().length, count);
  }

  @Test
  void structuresHaveEveryMember() throws Exception {
    String header = Fixtures.read(Fixtures.SOURCE.resolve("capi/include/lemnos/lemnos.h")).replaceAll("(?s)/\\*.*?\\*/", "");
    for (Class<?> record : List.of(Progress.class, Metrics.class)) {
      Matcher body = Pattern.compile("typedef struct lem_" + record.getSimpleName().toLowerCase() + " \\{(.*?)\\}", Pattern.DOTALL)
          .matcher(header);
      assertTrue(body.find());
      Matcher members = Pattern.compile("(\\w+)\\s*[,;]").matcher(body.group(1));
      List<String> expected = new ArrayList<>();
      while (members.find()) if (!members.group(1).matches("struct_size|reserved")) expected.add(members.group(1));
      List<String> given = Arrays.stream(record.getRecordComponents())
          .map(part -> part.getName().replaceAll("([A-Z])", "_$1").toLowerCase()).toList();
      assertEquals(expected, given);
    }
  }

  /** The JDK's own check of what has no comment. */
  @Test
  void everythingPublicIsDocumented(@TempDir Path folder) throws Exception {
    StringWriter output = new StringWriter();
    PrintWriter writer = new PrintWriter(output);
    List<String> arguments = new ArrayList<>(List.of("-Xdoclint:missing", "-Xmaxwarns", "10000", "-quiet", "-d", folder.toString()));
    try (Stream<Path> files = Files.walk(Fixtures.BUILD.resolve("bindings/java/sources"))) {
      files.filter(file -> file.toString().endsWith(".java")).forEach(file -> arguments.add(file.toString()));
    }
    ToolProvider.findFirst("javadoc").orElseThrow().run(writer, writer, arguments.toArray(String[]::new));
    List<String> without = output.toString().lines().filter(line -> line.contains("no comment")).toList();
    assertEquals(List.of(), without);
    assertFalse(output.toString().contains("error:"), output.toString());
  }
}
