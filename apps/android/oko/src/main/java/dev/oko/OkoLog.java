package dev.oko;

/** What the engine tells of its decisions. Native code finds the method by name. */
interface OkoLog {
  /** In the thread that called the engine. The text is UTF-8. Must not throw. */
  void write(boolean warning, byte[] text);
}
