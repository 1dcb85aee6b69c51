package dev.oko;

import java.nio.ByteBuffer;

/**
 * The C API, one method per function. Handles are addresses: the Kotlin classes ensure that none is
 * used after it was closed. Strings are passed as UTF-8, because JNI uses modified UTF-8.
 * Methods throw OkoException.
 */
final class OkoNative {
  static {
    System.loadLibrary("oko_jni");
  }

  private OkoNative() {}

  /** A null target or cachePath is the engine's default. */
  static native long openFile(
      byte[] path, int precision, int width, int height, byte[] target, byte[] cachePath);

  /** A direct buffer, used in place: it must not change until the last handle is closed. */
  static native long openBuffer(
      ByteBuffer bytes, int precision, int width, int height, byte[] target, byte[] cachePath);

  /**
   * A sealed model: the file, or where `path` is null the direct buffer, which is not needed
   * afterwards. `identity` and `point`, of a key in hardware, may be null, but not both; the caller
   * overwrites `identity`. `calls` is used for `point`, and for releases if it keeps them.
   */
  static native long openSealed(
      byte[] path,
      ByteBuffer bytes,
      byte[] signer,
      byte[] identity,
      byte[] model,
      byte[] appVersion,
      long now,
      byte[] point,
      boolean keepsReleases,
      OkoCalls calls,
      int precision,
      int width,
      int height,
      byte[] target,
      byte[] cachePath);

  /** For whom to seal a model that the key with this point of 65 bytes opens: "age1tag1…". */
  static native byte[] p256Recipient(byte[] point);

  /**
   * Checks an index of updates. A null appVersion is not compared. `calls` is used if it keeps
   * releases.
   */
  static native long checkUpdate(
      byte[] index,
      byte[] root,
      byte[] folder,
      byte[] signer,
      byte[] appVersion,
      long now,
      boolean keepsReleases,
      OkoCalls calls);

  static native void closeUpdate(long update);

  /**
   * The name of the model's file on the server, then the path where it will be; in `numbers`
   * release, installed release, bytes of the file.
   */
  static native byte[][] findUpdate(long update, byte[] model, long[] numbers);

  static native void installUpdate(long update, byte[] model, byte[] fetched);

  static native void closeModel(long model);

  /** The model's name, then the instruction set it runs on, then the names of its classes. */
  static native byte[][] modelTexts(long model);

  /** Precision, width, height, weight bytes, buffer bytes per detector, 1 on a cache hit. */
  static native long[] modelNumbers(long model);

  static native long createDetector(long model, int threads, int tiles);

  static native void destroyDetector(long detector);

  /**
   * Planes are direct buffers and start at their first byte; those that the format does not have
   * are null. The frame's values: format, width, height, three row strides in bytes, chroma step,
   * range, matrix, rotation, mirror, then left, top, width, height of the region. Returns six
   * values per detection: class, score, left, top, right, bottom.
   */
  static native float[] detect(
      long detector,
      ByteBuffer plane0,
      ByteBuffer plane1,
      ByteBuffer plane2,
      int[] frame,
      float score,
      float iou,
      int nms,
      float softSigma,
      int maxDetections,
      float[] classScores);

  /** Milliseconds of the last detect: preparing, network, decoding. */
  static native double[] timing(long detector);
}
