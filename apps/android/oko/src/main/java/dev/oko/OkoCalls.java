package dev.oko;

/**
 * What opening a sealed model and checking an index of updates ask of the app. Native code finds
 * the methods by name. What they throw becomes the cause of the OkoException.
 */
interface OkoCalls {
  /**
   * The 32 bytes that the key in hardware agrees on with the sender's point of 65 bytes. Native
   * code overwrites the array.
   */
  byte[] agree(byte[] sender) throws Exception;

  /** The highest number of a model that the app has opened, or of "@root." or "@index." and a key; or 0. */
  long release(byte[] model) throws Exception;

  /** Returns once the release is stored. */
  void storeRelease(byte[] model, long release) throws Exception;
}
