package dev.oko;

import static dev.oko.Reference.HEIGHT;
import static dev.oko.Reference.PIXELS;
import static dev.oko.Reference.WIDTH;
import static dev.oko.Reference.check;

import java.io.IOException;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;

/** Calls the native methods like the Kotlin classes. */
final class OkoNativeTest {
  private static final int NV12 = 5, I420 = 7;
  private final Reference reference;

  private OkoNativeTest(Reference reference) {
    this.reference = reference;
  }

  public static void main(String[] arguments) throws IOException {
    OkoNativeTest test = new OkoNativeTest(new Reference(arguments));
    test.findsTheBottlesInEveryLayout();
    test.bytesInPlaceStayUntilTheLastHandleIsClosed();
    test.mistakesAreExceptionsWithTheEnginesText();
    System.out.println("all passed");
  }

  private static int[] frame(int format, int stride, int chromaStride, int chromaStep) {
    return new int[] {
      format, WIDTH, HEIGHT, stride, chromaStride, chromaStride, chromaStep, 0, 0, 0, 0, 0, 0, 0, 0
    };
  }

  private static float[] detect(
      long detector, int[] frame, ByteBuffer plane0, ByteBuffer plane1, ByteBuffer plane2) {
    return OkoNative.detect(detector, plane0, plane1, plane2, frame, 0, 0, 0, 0, 0, null);
  }

  private long open() {
    byte[] path = reference.model.toString().getBytes(StandardCharsets.UTF_8);
    return OkoNative.openFile(path, 0, 0, 0, null, null, false);
  }

  private void findsTheBottlesInEveryLayout() throws IOException {
    long model = open();
    byte[][] texts = OkoNative.modelTexts(model);
    check(texts.length == 7 + 80, "80 classes");
    check(new String(texts[7 + 39], StandardCharsets.UTF_8).equals("bottle"), "class 39");
    check(texts[3].length == 64 && texts[4].length == 16, "hash and checksum");
    double[] numbers = OkoNative.modelNumbers(model);
    check(numbers[1] == 320, "the input's width");
    check(numbers.length == 13 + 80 && numbers[13 + 39] == .25, "the classes' thresholds");
    long detector = OkoNative.createDetector(model, 2, 1);
    OkoNative.closeModel(model);

    ByteBuffer y = reference.bytes("nv12", 0, PIXELS);
    ByteBuffer uv = reference.bytes("nv12", PIXELS, PIXELS * 3 / 2);
    reference.expectAlike(detect(detector, frame(NV12, WIDTH, WIDTH, 2), y, uv, null));

    ByteBuffer u = reference.bytes("i420", PIXELS, PIXELS * 5 / 4);
    ByteBuffer v = reference.bytes("i420", PIXELS * 5 / 4, PIXELS * 3 / 2);
    reference.expectAlike(detect(detector, frame(I420, WIDTH, WIDTH / 2, 1), y, u, v));

    // As from most cameras: V and U share memory, each plane ends with its last sample.
    ByteBuffer v21 = reference.bytes("nv21", PIXELS, PIXELS * 3 / 2 - 1);
    ByteBuffer u21 = reference.bytes("nv21", PIXELS + 1, PIXELS * 3 / 2);
    reference.expectAlike(detect(detector, frame(I420, WIDTH, WIDTH, 2), y, u21, v21));
    check(OkoNative.timing(detector)[1] > 0, "the network takes time");
    OkoNative.destroyDetector(detector);
  }

  private void bytesInPlaceStayUntilTheLastHandleIsClosed() throws IOException {
    ByteBuffer mapped;
    try (FileChannel file = FileChannel.open(reference.model)) {
      mapped = file.map(FileChannel.MapMode.READ_ONLY, 0, file.size());
    }
    long model = OkoNative.openBuffer(mapped, 0, 0, 0, null, null, false);
    WeakReference<ByteBuffer> watch = new WeakReference<>(mapped);
    mapped = null;
    long detector = OkoNative.createDetector(model, 1, 1);
    OkoNative.closeModel(model);
    System.gc();
    ByteBuffer y = reference.bytes("nv12", 0, PIXELS);
    ByteBuffer uv = reference.bytes("nv12", PIXELS, PIXELS * 3 / 2);
    reference.expectAlike(detect(detector, frame(NV12, WIDTH, WIDTH, 2), y, uv, null));
    OkoNative.destroyDetector(detector);
    System.gc();
    check(watch.get() == null, "nobody uses the bytes");
  }

  private static void expectRefusal(Runnable call, int status, String text) {
    try {
      call.run();
    } catch (OkoException e) {
      check(e.status == status, "status " + e.status + " of: " + e.getMessage());
      check(e.getMessage().contains(text), e.getMessage());
      return;
    }
    throw new AssertionError("no exception: " + text);
  }

  private void mistakesAreExceptionsWithTheEnginesText() throws IOException {
    byte[] nowhere = "/no/such/модель.oko".getBytes(StandardCharsets.UTF_8);
    expectRefusal(
        () -> OkoNative.openFile(nowhere, 0, 0, 0, null, null, false),
        OkoException.BAD_MODEL,
        "/no/such/модель.oko: no such file");
    expectRefusal(
        () -> OkoNative.openBuffer(ByteBuffer.allocateDirect(100), 0, 0, 0, null, null, false),
        OkoException.BAD_MODEL,
        "model");
    expectRefusal(
        () -> OkoNative.openBuffer(ByteBuffer.allocate(100), 0, 0, 0, null, null, false),
        OkoException.INVALID_ARGUMENT,
        "direct buffer");

    byte[] path = reference.model.toString().getBytes(StandardCharsets.UTF_8);
    long described = OkoNative.openFile(path, 0, 0, 0, null, null, true);
    check(OkoNative.modelNumbers(described)[1] == 320, "described without weights");
    expectRefusal(
        () -> OkoNative.createDetector(described, 1, 1),
        OkoException.INVALID_ARGUMENT,
        "describe_only");
    OkoNative.closeModel(described);

    long model = open();
    expectRefusal(
        () -> OkoNative.createDetector(model, 1000, 1), OkoException.INVALID_ARGUMENT, "threads 1000");
    long detector = OkoNative.createDetector(model, 1, 1);
    OkoNative.closeModel(model);
    ByteBuffer y = reference.bytes("nv12", 0, PIXELS);
    ByteBuffer uv = reference.bytes("nv12", PIXELS, PIXELS * 3 / 2);
    ByteBuffer cut = reference.bytes("nv12", PIXELS, PIXELS * 3 / 2 - 1);
    int[] nv12 = frame(NV12, WIDTH, WIDTH, 2);
    int bad = OkoException.INVALID_ARGUMENT;
    expectRefusal(() -> detect(detector, nv12, y, null, null), bad, "plane 1 is missing");
    expectRefusal(() -> detect(detector, nv12, y, cut, null), bad, "plane 1 has 115199 bytes");
    expectRefusal(
        () -> detect(detector, nv12, ByteBuffer.allocate(PIXELS), uv, null), bad, "is not a direct buffer");
    expectRefusal(
        () -> detect(detector, frame(NV12, WIDTH, 100, 2), y, uv, null), bad, "row stride is 100");
    int[] turned = nv12.clone();
    turned[9] = 45;
    expectRefusal(() -> detect(detector, turned, y, uv, null), bad, "45");
    int[] unknown = nv12.clone();
    unknown[0] = 99;
    expectRefusal(() -> detect(detector, unknown, y, uv, null), bad, "99");
    expectRefusal(
        () -> OkoNative.detect(detector, y, uv, null, nv12, 0, 0, 0, 0, 0, new float[3]),
        bad,
        "class_scores has 3");
    OkoNative.destroyDetector(detector);
  }
}
