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
      byte[] path,
      int precision,
      int width,
      int height,
      byte[] target,
      byte[] cachePath,
      boolean describeOnly);

  /** A direct buffer, used in place: it must not change until the last handle is closed. */
  static native long openBuffer(
      ByteBuffer bytes,
      int precision,
      int width,
      int height,
      byte[] target,
      byte[] cachePath,
      boolean describeOnly);

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
      byte[] cachePath,
      boolean describeOnly);

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

  /**
   * The model's name, the instruction set it runs on, and what the file says of itself, empty where
   * it does not: version, hash, checksum, dataset and split of its metrics. Then the names of its
   * classes.
   */
  static native byte[][] modelTexts(long model);

  /**
   * Precision, width, height, weight bytes, buffer bytes per detector, operations per image, 1 on a
   * cache hit, when it was trained, mAP50 and mAP, the images they were measured on, 1 if these
   * weights were measured, 1 if the file has thresholds. Then the threshold of each class.
   */
  static native double[] modelNumbers(long model);

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

  /** Zeros are the engine's defaults. */
  static native long createTracker(
      int maxObjects, float lowScore, double lostSeconds, int confirm, float smoothing);

  static native void destroyTracker(long tracker);

  static native void resetTracker(long tracker);

  /**
   * Follows what detect() finds. Returns twelve values per object: id, class, state, score, left,
   * top, right, bottom, velocity in x and y, age, seconds since it was seen.
   */
  static native double[] trackDetect(
      long tracker,
      long detector,
      ByteBuffer plane0,
      ByteBuffer plane1,
      ByteBuffer plane2,
      int[] frame,
      double seconds,
      float score,
      float iou,
      int nms,
      float softSigma,
      int maxDetections,
      float[] classScores);

  /** The same for detections, in six values each as detect() returns them. */
  static native double[] trackUpdate(
      long tracker, float[] detections, double seconds, float score, float[] classScores);

  /** Four values per event: kind, class, object, number of the line or zone. */
  static native double[] trackerEvents(long tracker);

  /** Where its lines and zones are: valid as long as the tracker. */
  static native long countersOfTracker(long tracker);

  /** The number of a new line. Class -1: of all. */
  static native int addLine(
      long counters, float x1, float y1, float x2, float y2, int classId);

  /** The number of a new zone with these corners: x, y of each. */
  static native int addZone(long counters, float[] points, int classId);

  /** In, out, inside. */
  static native double[] counts(long counters, int counter);

  /**
   * Models are handles of one model opened at one or more sizes, the largest first; they may be
   * closed afterwards. Numbers as in detect() and createTracker().
   */
  static native long createLive(
      long[] models,
      int threads,
      int priority,
      double budgetMs,
      double framesPerSecond,
      float score,
      float iou,
      int nms,
      float softSigma,
      int maxDetections,
      float[] classScores,
      boolean tracks,
      int maxObjects,
      float lowScore,
      double lostSeconds,
      int confirm,
      float smoothing,
      OkoLog log);

  /** No thread may be in another call. */
  static native void destroyLive(long live);

  /** What became of the frame: an oko_taken. One thread at a time. */
  static native int submit(
      long live,
      ByteBuffer plane0,
      ByteBuffer plane1,
      ByteBuffer plane2,
      int[] frame,
      double seconds);

  /**
   * Waits for a frame and detects in it. One thread at a time. Returns 1 if it was stopped, 1 if
   * there was a frame, its seconds, width and height of the network's input, number of the model,
   * swaps so far, milliseconds of waiting, preparing, network, decoding; numbers of detections,
   * objects and events. Then six values per detection, twelve per object and four per event, as
   * detect(), trackDetect() and trackerEvents() return them, and the counts of the first
   * `counters` lines and zones.
   */
  static native double[] next(long live, double waitMs, int counters);

  /** Of its tracker, as countersOfTracker(); 0 without. For the thread that calls next(). */
  static native long countersOfLive(long live);

  /** Forgets its objects. For the thread that calls next(). */
  static native void resetLive(long live);

  static native void stopLive(long live);

  static native void setHeat(long live, int heat);

  /** As of createLive(). */
  static native void setLiveThresholds(
      long live,
      float score,
      float iou,
      int nms,
      float softSigma,
      int maxDetections,
      float[] classScores);

  static native void trimLive(long live);

  static native void swapLive(long live, long[] models);

  static native void revertLive(long live);

  /**
   * Frames taken, replaced, skipped for the rate, skipped for heat, looked at; number of the model,
   * heat, milliseconds per frame, frames per second, 1 if over the budget.
   */
  static native double[] liveStatus(long live);
}
