package dev.oko;

import static dev.oko.Reference.check;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Models that a program of the test has sealed for a key: of the releases 7 and 8. */
final class SealedModels {
  final Path folder;

  /** The first argument is the program. */
  SealedModels(String[] arguments, String recipient) throws IOException, InterruptedException {
    folder = Files.createTempDirectory("oko_sealed");
    Process maker =
        new ProcessBuilder(arguments[0], folder.toString(), recipient).inheritIO().start();
    check(maker.waitFor() == 0, "the models are made");
  }

  Path release(int number) {
    return folder.resolve(number + ".oko.sealed");
  }

  /** The index that was published with a release: of updates to it. */
  Path index(int number) {
    return folder.resolve(number + ".oko.index");
  }

  /** The key that apps trust indexes by. */
  String root() throws IOException {
    return Files.readString(folder.resolve("root.pub"));
  }

  Path plain() {
    return folder.resolve("plain.oko");
  }

  String signer() throws IOException {
    return Files.readString(folder.resolve("signer.pub"));
  }

  /** Has signed nothing. */
  String otherSigner() throws IOException {
    return Files.readString(folder.resolve("other.pub"));
  }

  /** Opens release 8. */
  byte[] identity() throws IOException {
    String text = Files.readString(folder.resolve("model.key"));
    return text.strip().getBytes(StandardCharsets.US_ASCII);
  }

  /** Release 8 with one byte of the encrypted model changed. */
  Path damaged() throws IOException {
    byte[] bytes = Files.readAllBytes(release(8));
    bytes[bytes.length - 2000] ^= 1;
    return Files.write(folder.resolve("damaged.oko.sealed"), bytes);
  }

  /** Removes the files. */
  void delete() throws IOException {
    try (var files = Files.walk(folder)) {
      for (Path path : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }
}
