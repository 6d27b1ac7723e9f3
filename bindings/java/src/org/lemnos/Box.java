package org.lemnos;

import java.util.ArrayList;
import java.util.List;

/**
 * An object in an image. Its place is in fractions of the image.
 *
 * @param name its class
 * @param score how sure it is, 0 to 1
 * @param top the upper edge
 * @param left the left edge
 * @param bottom the lower edge
 * @param right the right edge
 */
public record Box(String name, double score, double top, double left, double bottom, double right) {
  /** Of rows of numbers: class, score where scored (else 1), and the four edges; what has a negative class is no object. */
  static List<Box> of(float[] numbers, int from, int to, boolean scored, List<String> names) {
    List<Box> boxes = new ArrayList<>();
    int score = scored ? 1 : 0;
    for (int row = from; row < to; row += 5 + score) {
      if (numbers[row] < 0) continue;
      int edges = row + 1 + score;
      boxes.add(new Box(names.get((int) numbers[row]), scored ? numbers[row + 1] : 1, numbers[edges],
          numbers[edges + 1], numbers[edges + 2], numbers[edges + 3]));
    }
    return boxes;
  }
}
