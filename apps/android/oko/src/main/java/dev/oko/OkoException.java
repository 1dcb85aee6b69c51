package dev.oko;

import java.nio.charset.StandardCharsets;

/** The engine's error: what was wrong, where, and how to fix it. */
public final class OkoException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** The numbers of oko_status in oko.h. */
  public static final int FAILED = 1, INVALID_ARGUMENT = 2, BAD_MODEL = 3, STORAGE = 4;

  public final int status;

  /** Created by native code; the text is UTF-8. */
  OkoException(int status, byte[] text) {
    super(new String(text, StandardCharsets.UTF_8));
    this.status = status;
  }
}
