package org.lemnos;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Objects;

/** Texts cross into C++ as bytes in UTF-8. */
final class Text {
  private Text() {}

  static byte[] bytes(String text, String name) {
    return Objects.requireNonNull(text, name).getBytes(UTF_8);
  }

  static String of(byte[] bytes) {
    return new String(bytes, UTF_8);
  }
}
