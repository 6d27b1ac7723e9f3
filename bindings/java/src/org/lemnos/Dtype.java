package org.lemnos;

/** The type of a tensor's elements. */
public enum Dtype {
  /** 32-bit floating point, Java's float. */
  F32(1, 4),
  /** 16-bit floating point; its bits are Java's short. */
  F16(2, 2),
  /** 32-bit integers, Java's int. */
  I32(16, 4),
  /** Bytes from 0 to 255; their bits are Java's byte. */
  U8(32, 1);

  final int code;
  private final int bytes;

  Dtype(int code, int bytes) {
    this.code = code;
    this.bytes = bytes;
  }

  /**
   * How large an element is.
   *
   * @return the size in bytes
   */
  public int bytes() {
    return bytes;
  }

  static Dtype of(int code) {
    for (Dtype dtype : values()) if (dtype.code == code) return dtype;
    throw new UnsupportedOperationException("This version knows no type of elements " + code + ".");
  }
}
