package org.lemnos;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * Direct buffers in native byte order, as Lemnos reads and fills them without a copy. A call takes a buffer from its position to
 * its limit, and changes neither.
 */
public final class Memory {
  private Memory() {}

  /**
   * Makes a buffer of zeros.
   *
   * @param bytes its size, less than 2 GiB
   * @return the buffer
   */
  public static ByteBuffer allocate(long bytes) {
    if (bytes < 0 || bytes > Integer.MAX_VALUE) {
      throw new IllegalArgumentException("A buffer cannot have " + bytes + " bytes (at most: " + Integer.MAX_VALUE + ").");
    }
    return ByteBuffer.allocateDirect((int) bytes).order(ByteOrder.nativeOrder());
  }

  /**
   * Copies numbers into a new buffer.
   *
   * @param values the numbers
   * @return the buffer
   */
  public static ByteBuffer of(float... values) {
    ByteBuffer data = allocate(4L * values.length);
    data.asFloatBuffer().put(values);
    return data;
  }

  /**
   * Copies numbers into a new buffer.
   *
   * @param values the numbers
   * @return the buffer
   */
  public static ByteBuffer of(int... values) {
    ByteBuffer data = allocate(4L * values.length);
    data.asIntBuffer().put(values);
    return data;
  }

  /**
   * Copies bytes, such as pixels, into a new buffer.
   *
   * @param values the bytes
   * @return the buffer
   */
  public static ByteBuffer of(byte... values) {
    return allocate(values.length).put(values).rewind();
  }

  /** What a call may read. */
  static ByteBuffer readable(ByteBuffer data) {
    Objects.requireNonNull(data, "A buffer is needed (given: null).");
    if (!data.isDirect()) {
      throw new IllegalArgumentException("The buffer lies in Java's heap (needed: a direct one); Memory makes such.");
    }
    if (data.order() != ByteOrder.nativeOrder()) {
      throw new IllegalArgumentException(
          "The buffer's byte order is " + data.order() + " (needed: " + ByteOrder.nativeOrder() + ", which is this machine's);"
              + " set it by order(ByteOrder.nativeOrder()).");
    }
    return data.slice();
  }

  /** What a call may fill. */
  static ByteBuffer writable(ByteBuffer data) {
    if (data != null && data.isReadOnly()) throw new IllegalArgumentException("The buffer can only be read.");
    return readable(data);
  }
}
