package dev.oko;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A published model, a raw camera frame, and the boxes that are in it. */
final class Reference {
  static final int WIDTH = 640, HEIGHT = 360, PIXELS = WIDTH * HEIGHT;

  final Path model, frames;

  /** Ends the program as skipped if there is no reference data. */
  Reference(String[] arguments) {
    model = Path.of(arguments[0]);
    frames = Path.of(arguments[1]);
    if (!Files.exists(model) || !Files.exists(frames)) {
      System.out.println("skipped: set OKO_DATA to the folder of the reference data");
      System.exit(77);
    }
  }

  /** The bytes [from, to) of the frame, in a direct buffer that is no longer than that. */
  ByteBuffer bytes(String ending, int from, int to) throws IOException {
    byte[] all = Files.readAllBytes(frames.resolve("bottle_frame149_640x360." + ending));
    ByteBuffer buffer = ByteBuffer.allocateDirect(to - from);
    buffer.put(all, from, to - from).flip();
    return buffer;
  }

  /** Class, score, left, top, right, bottom of each. */
  List<float[]> expected() throws IOException {
    List<float[]> rows = new ArrayList<>();
    for (String line : Files.readAllLines(frames.resolve("bottle_frame149.detections.tsv"))) {
      if (line.startsWith("#")) continue;
      String[] words = line.split("\t");
      float[] row = new float[6];
      for (int i = 0; i < row.length; ++i) row[i] = Float.parseFloat(words[i]);
      rows.add(row);
    }
    return rows;
  }

  /** The reference repeats each chroma pixel four times, oko interpolates: equal within a pixel. */
  void expectAlike(float[] found) throws IOException {
    List<float[]> rows = expected();
    check(found.length == 6 * rows.size(), "found " + found.length / 6 + " objects");
    for (int at = 0; at < found.length; at += 6) {
      float left = found[at + 2];
      float[] row =
          rows.stream().filter(r -> Math.abs(r[2] - left) < 5).findFirst().orElseThrow(
              () -> new AssertionError("a box at " + left));
      check(found[at] == row[0], "the class " + found[at]);
      check(Math.abs(found[at + 1] - row[1]) < .005, "the score " + found[at + 1]);
      for (int i = 2; i < 6; ++i) check(Math.abs(found[at + i] - row[i]) < 1, "edge " + i);
    }
  }

  static void check(boolean right, String what) {
    if (!right) throw new AssertionError(what);
  }
}
