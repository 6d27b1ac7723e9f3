package org.lemnos;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Loads the native library: from the folder that the system property org.lemnos.library.path names, and from nowhere else then;
 * otherwise from this jar, unpacked to a private temporary folder; otherwise from java.library.path.
 */
final class Loader {
  private static final String PROPERTY = "org.lemnos.library.path";
  private static final String NAME = "lemnos_java";

  private Loader() {}

  static void load() {
    String folder = System.getProperty(PROPERTY);
    if (folder != null) {
      Path library = Path.of(folder, System.mapLibraryName(NAME)).toAbsolutePath();
      if (!Files.exists(library)) {
        throw new UnsatisfiedLinkError("There is no file " + library + ", which the system property " + PROPERTY + " asks for.");
      }
      System.load(library.toString());
    } else if (!loadFromJar()) {
      try {
        System.loadLibrary(NAME);
      } catch (UnsatisfiedLinkError error) {
        throw new UnsatisfiedLinkError(
            "This package holds no native library for " + platform() + ", and java.library.path none either ("
                + error.getMessage() + "). The system property " + PROPERTY + " may name a folder that has one.");
      }
    }
  }

  /** Such as linux-x86_64. */
  static String platform() {
    String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String machine = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
    system = system.startsWith("windows") ? "windows" : system.startsWith("mac") ? "macos" : system;
    machine = machine.equals("amd64") || machine.equals("x64") ? "x86_64" : machine;
    return system + "-" + machine;
  }

  private static boolean loadFromJar() {
    String resources = "native/" + platform() + "/";
    List<Path> unpacked = new ArrayList<>();
    try (InputStream list = Loader.class.getResourceAsStream(resources + "files")) {
      if (list == null) return false;
      Path folder = Files.createTempDirectory("lemnos"); // its owner's alone
      unpacked.add(folder);
      for (String name : Text.of(list.readAllBytes()).split("\\s+")) { // JNI's library is the last
        Path file = folder.resolve(name);
        unpacked.add(0, file);
        try (InputStream resource = Loader.class.getResourceAsStream(resources + name)) {
          Files.copy(resource, file);
        }
      }
      System.load(unpacked.get(0).toString());
    } catch (IOException error) {
      throw (Error) new UnsatisfiedLinkError(
              "The native library could not be unpacked (" + error + "). The system property java.io.tmpdir may name another"
                  + " folder, or " + PROPERTY + " one that has the library.")
          .initCause(error);
    } finally {
      unpacked.forEach(Loader::drop);
    }
    return true;
  }

  /** A loaded library needs its file no longer, except on Windows. */
  private static void drop(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException error) {
      file.toFile().deleteOnExit();
    }
  }
}
