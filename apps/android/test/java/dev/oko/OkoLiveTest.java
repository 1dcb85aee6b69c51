package dev.oko;

import static dev.oko.Reference.PIXELS;
import static dev.oko.Reference.WIDTH;
import static dev.oko.Reference.check;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Calls the native methods of tracking and live cameras like the Kotlin classes. */
final class OkoLiveTest {
  private static final int HEADER = 14, DETECTION = 6, OBJECT = 12, EVENT = 4;
  private static final int APPEARED = 0, SEVERE = 2, SKIPPED_HEAT = 3, SKIPPED_STOP = 4;
  private static final int[] NV12 = {
    5, WIDTH, Reference.HEIGHT, WIDTH, WIDTH, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0
  };

  private final Reference reference;
  private final ByteBuffer y, uv;
  private final List<String> log = new ArrayList<>();

  private OkoLiveTest(Reference reference) throws IOException {
    this.reference = reference;
    y = reference.bytes("nv12", 0, PIXELS);
    uv = reference.bytes("nv12", PIXELS, PIXELS * 3 / 2);
  }

  public static void main(String[] arguments) throws IOException {
    OkoLiveTest test = new OkoLiveTest(new Reference(arguments));
    test.aTrackerGivesIdsThatStay();
    test.aLiveCameraFindsWhatADetectorFinds();
    test.modelsAreSwapped();
    test.thresholdsChange();
    test.mistakesAreExceptions();
    System.out.println("all passed");
  }

  private long open(int side) {
    byte[] path = reference.model.toString().getBytes(StandardCharsets.UTF_8);
    return OkoNative.openFile(path, 0, side, side, null, null, false);
  }

  private long live(long... models) {
    return OkoNative.createLive(
        models, 1, 0, 0, 0, 0, 0, 0, 0, 0, null, true, 0, 0, 0, 0, 0,
        (warning, text) -> log.add(warning + " " + new String(text, StandardCharsets.UTF_8)));
  }

  private int submit(long live, double seconds) {
    return OkoNative.submit(live, y, uv, null, NV12, seconds);
  }

  private void aTrackerGivesIdsThatStay() throws IOException {
    long model = open(0);
    long detector = OkoNative.createDetector(model, 1, 1);
    OkoNative.closeModel(model);
    long tracker = OkoNative.createTracker(0, 0, 0, 0, 0);
    int line = OkoNative.addLine(OkoNative.countersOfTracker(tracker), 300, 0, 300, 360, -1);
    float[] whole = {0, 0, 640, 0, 640, 360, 0, 360};
    int zone = OkoNative.addZone(OkoNative.countersOfTracker(tracker), whole, -1);
    check(line == 0 && zone == 1, "numbers of line and zone");

    double[] objects = {};
    for (int frame = 0; frame < 2; ++frame) {
      objects =
          OkoNative.trackDetect(
              tracker, detector, y, uv, null, NV12, frame / 10.0, 0, 0, 0, 0, 0, null);
      check(objects.length == frame * 3 * OBJECT, "shown after two detections");
    }
    float[] found = new float[3 * DETECTION];
    for (int i = 0; i < 3; ++i) {
      double[] o = Arrays.copyOfRange(objects, i * OBJECT, (i + 1) * OBJECT);
      check(o[0] == i + 1 && o[2] == 0, "ids count from 1, seen");
      check(o[10] > .05 && o[11] == 0, "age, and not hidden");
      found[i * DETECTION] = (float) o[1];
      for (int n = 1; n < DETECTION; ++n) found[i * DETECTION + n] = (float) o[n + 2];
    }
    reference.expectAlike(found);
    double[] events = OkoNative.trackerEvents(tracker);
    check(events[0] == APPEARED && events[1] == 39 && events[2] == 1 && events[3] == -1, "event");
    double[] counts = OkoNative.counts(OkoNative.countersOfTracker(tracker), zone);
    check(Arrays.equals(counts, new double[] {3, 0, 3}), "in the zone");

    check(OkoNative.trackUpdate(tracker, found, .2, 0, null)[0] == 1, "boxes from elsewhere");
    OkoNative.resetTracker(tracker);
    check(OkoNative.trackUpdate(tracker, new float[0], .3, 0, null).length == 0, "forgotten");
    OkoNative.destroyTracker(tracker);
    OkoNative.destroyDetector(detector);
  }

  private void aLiveCameraFindsWhatADetectorFinds() throws IOException {
    long large = open(0), small = open(224);
    long live = live(large, small);
    OkoNative.closeModel(large);
    OkoNative.closeModel(small);
    check(OkoNative.next(live, 0, 0)[1] == 0, "no frame yet");
    float[] whole = {0, 0, 640, 0, 640, 360, 0, 360};
    OkoNative.addZone(OkoNative.countersOfLive(live), whole, 39);
    double[] result = {};
    for (int frame = 0; frame < 2; ++frame) {
      check(submit(live, frame / 10.0) == 0, "taken");
      result = OkoNative.next(live, -1, 1);
      check(result[0] == 0 && result[1] == 1 && result[2] == frame / 10.0, "found at its time");
      check(result[3] == 320 && result[5] == 0 && result[6] == 0, "the large model");
      check(result[8] > 0 && result[9] > 0, "takes time");
    }
    check(result[11] == 3 && result[12] == 3 && result[13] == 6, "detections, objects, events");
    int size = HEADER + 3 * DETECTION + 3 * OBJECT + 6 * EVENT + 3;
    check(result.length == size, "all of them, and the counts of a zone");
    float[] found = new float[3 * DETECTION];
    for (int i = 0; i < found.length; ++i) found[i] = (float) result[HEADER + i];
    reference.expectAlike(found);
    check(result[size - 3] == 3 && result[size - 1] == 3, "3 are in the zone");

    OkoNative.resetLive(live);
    OkoNative.setHeat(live, SEVERE);
    // Where the first is not too early, it still waits when the second one comes.
    int first = submit(live, .2), second = submit(live, .21);
    check(first == SKIPPED_HEAT || second == SKIPPED_HEAT, "rests");
    check(OkoNative.liveStatus(live)[3] >= 1, "one was skipped");
    check(OkoNative.liveStatus(live)[5] == 1, "the small model is next");
    check(!log.isEmpty() && log.get(0).startsWith("false "), "the log says so: " + log);
    OkoNative.stopLive(live);
    check(OkoNative.next(live, -1, 0)[0] == 1, "stopped");
    check(submit(live, .3) == SKIPPED_STOP, "takes no more");
    OkoNative.destroyLive(live);
  }

  private void modelsAreSwapped() {
    long large = open(0), small = open(224);
    long live = live(large);
    OkoNative.swapLive(live, new long[] {small});
    submit(live, 1);
    double[] result = OkoNative.next(live, 0, 0);
    check(result[3] == 224 && result[6] == 1, "the other model");
    OkoNative.revertLive(live);
    expectRefusal(() -> OkoNative.revertLive(live), OkoException.FAILED, "no models to go back to");
    OkoNative.swapLive(live, new long[] {small});
    OkoNative.trimLive(live);
    expectRefusal(() -> OkoNative.revertLive(live), OkoException.FAILED, "no models to go back to");
    expectRefusal(
        () -> OkoNative.swapLive(live, new long[] {small, large}),
        OkoException.INVALID_ARGUMENT,
        "largest input first");
    check(OkoNative.liveStatus(live)[4] == 1, "one was looked at");
    OkoNative.destroyLive(live);
    OkoNative.closeModel(large);
    OkoNative.closeModel(small);
  }

  private void thresholdsChange() {
    long large = open(0);
    long live = live(large);
    submit(live, 1);
    check(OkoNative.next(live, 0, 0)[11] == 3, "three bottles");
    OkoNative.setLiveThresholds(live, 0, 0, 0, 0, 2, null);
    submit(live, 2);
    check(OkoNative.next(live, 0, 0)[11] == 2, "the best two");
    expectRefusal(
        () -> OkoNative.setLiveThresholds(live, 0, 0, 0, 0, 0, new float[] {.5f}),
        OkoException.INVALID_ARGUMENT,
        "class_scores has 1 scores");
    expectRefusal(
        () -> OkoNative.setLiveThresholds(live, 0, 0, 3, 0, 0, null),
        OkoException.INVALID_ARGUMENT,
        "nms");
    submit(live, 3);
    check(OkoNative.next(live, 0, 0)[11] == 2, "those before stay");
    OkoNative.destroyLive(live);
    OkoNative.closeModel(large);
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

  private void mistakesAreExceptions() {
    int bad = OkoException.INVALID_ARGUMENT;
    expectRefusal(() -> live(), bad, "models");
    expectRefusal(() -> OkoNative.createTracker(-1, 0, 0, 0, 0), bad, "max_objects");
    long tracker = OkoNative.createTracker(0, 0, 0, 0, 0);
    long counters = OkoNative.countersOfTracker(tracker);
    expectRefusal(() -> OkoNative.addZone(counters, new float[4], -1), bad, "corners");
    expectRefusal(() -> OkoNative.counts(counters, 0), bad, "0");
    OkoNative.trackUpdate(tracker, new float[0], 2, 0, null);
    expectRefusal(() -> OkoNative.trackUpdate(tracker, new float[0], 1, 0, null), bad, "time");
    OkoNative.destroyTracker(tracker);

    long model = open(0);
    long live = live(model);
    OkoNative.closeModel(model);
    expectRefusal(() -> OkoNative.submit(live, y, null, null, NV12, 0), bad, "plane 1 is missing");
    expectRefusal(() -> OkoNative.setHeat(live, 4), bad, "heat 4");
    submit(live, 2);
    expectRefusal(() -> submit(live, 1), bad, "does not go back");
    OkoNative.destroyLive(live);
  }
}
