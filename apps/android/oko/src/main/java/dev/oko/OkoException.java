package dev.oko;

import java.nio.charset.StandardCharsets;

/** The engine's error: what was wrong, where, and how to fix it. */
public final class OkoException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** The numbers of oko_status in oko.h. */
  public static final int FAILED = 1, INVALID_ARGUMENT = 2, BAD_MODEL = 3, STORAGE = 4;

  /** Why a sealed model, or an index of updates, is refused. */
  public static final int BAD_SIGNATURE = 5,
      NO_KEY = 6,
      OTHER_MODEL = 7,
      OLD_RELEASE = 8,
      EXPIRED = 9,
      OLD_APP = 10;

  public final int status;

  /** Created by native code. The text is UTF-8; the cause, or null, what the app's own code threw. */
  OkoException(int status, byte[] text, Throwable cause) {
    super(new String(text, StandardCharsets.UTF_8), cause);
    this.status = status;
  }
}
