package org.lemnos;

import java.lang.reflect.Array;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The little JSON that Lemnos speaks: options that it is given, and descriptions that it returns. */
public final class Json {
  private final String text;
  private int at;

  private Json(String text) {
    this.text = text;
  }

  // ---- writing --------------------------------------------------------------------------------------------------------

  /**
   * Options as Lemnos takes them.
   *
   * @param options names and values: numbers, truth values, texts, and arrays or collections of these; null for none
   * @return a JSON object
   */
  public static String text(Map<String, ?> options) {
    if (options == null || options.isEmpty()) return "";
    StringBuilder out = new StringBuilder();
    write(options, out);
    return out.toString();
  }

  static String list(Collection<?> items) {
    StringBuilder out = new StringBuilder();
    write(items, out);
    return out.toString();
  }

  private static void write(Object value, StringBuilder out) {
    if (value instanceof Double || value instanceof Float) {
      double number = ((Number) value).doubleValue();
      if (!Double.isFinite(number)) throw new IllegalArgumentException("An option cannot be " + value + ".");
      out.append(value); // a float as it is written, not as the double that it is
    } else if (value == null || value instanceof Boolean || value instanceof Number) {
      out.append(value);
    } else if (value instanceof CharSequence || value instanceof Enum) {
      quote(value.toString(), out);
    } else if (value instanceof Map<?, ?> map) {
      String separator = "{";
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        out.append(separator);
        quote(entry.getKey().toString(), out);
        out.append(": ");
        write(entry.getValue(), out);
        separator = ", ";
      }
      out.append(map.isEmpty() ? "{}" : "}");
    } else if (value instanceof Collection<?> list) {
      String separator = "";
      out.append('[');
      for (Object item : list) {
        out.append(separator);
        write(item, out);
        separator = ", ";
      }
      out.append(']');
    } else if (value.getClass().isArray()) {
      List<Object> items = new ArrayList<>();
      for (int i = 0; i < Array.getLength(value); ++i) items.add(Array.get(value, i));
      write(items, out);
    } else {
      throw new IllegalArgumentException(
          "An option cannot be a " + value.getClass().getName() + " (allowed: numbers, truth values, texts and lists).");
    }
  }

  private static void quote(String words, StringBuilder out) {
    out.append('"');
    for (char letter : words.toCharArray()) {
      if (letter < ' ') out.append(String.format("\\u%04x", (int) letter));
      else if (letter == '"' || letter == '\\') out.append('\\').append(letter);
      else out.append(letter);
    }
    out.append('"');
  }

  // ---- reading --------------------------------------------------------------------------------------------------------

  /**
   * Reads an object, as the methods whose names end in Json return it.
   *
   * @param text a JSON object
   * @return its members in their order: Long, Double, Boolean, String, List, Map or null
   */
  @SuppressWarnings("unchecked")
  public static Map<String, Object> parse(String text) {
    return (Map<String, Object>) parseAny(text);
  }

  /**
   * Reads a list, such as that of the devices.
   *
   * @param text a JSON array of objects
   * @return the objects, each as {@link #parse} reads it
   */
  @SuppressWarnings("unchecked")
  public static List<Map<String, Object>> parseList(String text) {
    return (List<Map<String, Object>>) parseAny(text);
  }

  private static Object parseAny(String text) {
    Json json = new Json(text);
    Object value = json.value();
    if (json.peek() != 0) throw json.wrong();
    return value;
  }

  private IllegalArgumentException wrong() {
    return new IllegalArgumentException("This is no JSON: at " + at + " of " + text);
  }

  /** The next character that is no space; 0 at the end. */
  private char peek() {
    while (at < text.length() && Character.isWhitespace(text.charAt(at))) ++at;
    return at < text.length() ? text.charAt(at) : 0;
  }

  private boolean skip(char wanted) {
    if (peek() != wanted) return false;
    ++at;
    return true;
  }

  private void need(char wanted) {
    if (!skip(wanted)) throw wrong();
  }

  private Object value() {
    if (peek() == '"') return string();
    if (skip('{')) {
      Map<String, Object> map = new LinkedHashMap<>();
      if (skip('}')) return map;
      do {
        peek();
        String name = string();
        need(':');
        map.put(name, value());
      } while (skip(','));
      need('}');
      return map;
    }
    if (skip('[')) {
      List<Object> list = new ArrayList<>();
      if (skip(']')) return list;
      do {
        list.add(value());
      } while (skip(','));
      need(']');
      return list;
    }
    int start = at;
    while (at < text.length() && ",]} \n\r\t".indexOf(text.charAt(at)) < 0) ++at;
    String word = text.substring(start, at);
    switch (word) {
      case "true":
        return true;
      case "false":
        return false;
      case "null":
        return null;
      default:
        try {
          return word.matches("-?\\d+") ? (Object) Long.valueOf(word) : Double.valueOf(word);
        } catch (NumberFormatException error) {
          throw wrong();
        }
    }
  }

  private String string() {
    need('"');
    StringBuilder words = new StringBuilder();
    while (at < text.length()) {
      char letter = text.charAt(at++);
      if (letter == '"') return words.toString();
      if (letter != '\\') {
        words.append(letter);
      } else if (text.startsWith("u", at) && at + 5 <= text.length()) {
        words.append((char) Integer.parseInt(text.substring(at + 1, at + 5), 16));
        at += 5;
      } else if (at < text.length()) {
        int escape = "bfnrt".indexOf(text.charAt(at));
        words.append(escape < 0 ? text.charAt(at) : "\b\f\n\r\t".charAt(escape));
        ++at;
      }
    }
    throw wrong();
  }
}
