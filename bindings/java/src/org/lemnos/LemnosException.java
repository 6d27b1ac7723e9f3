package org.lemnos;

import java.util.OptionalLong;

/**
 * A call of Lemnos failed. The message is a whole sentence with the value that was given and what is allowed. Each code of
 * lemnos.h has a class of its own; a code that this version does not know arrives as this class itself.
 */
public class LemnosException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** The code. */
  private final int code;

  /** Of a training; -1 for none. */
  private final long step;

  LemnosException(int code, String message, long step) {
    super(message);
    this.code = code;
    this.step = step;
  }

  /**
   * The number of the failure's kind.
   *
   * @return a lem_result, such as -12
   */
  public final int code() {
    return code;
  }

  /**
   * The code as lemnos.h names it.
   *
   * @return the name, such as LEM_ERROR_NOT_FOUND
   */
  public final String codeName() {
    return Lemnos.resultName(code);
  }

  /**
   * Where a training failed.
   *
   * @return the parameter update; empty where none is to blame
   */
  public final OptionalLong step() {
    return step < 0 ? OptionalLong.empty() : OptionalLong.of(step);
  }
}
