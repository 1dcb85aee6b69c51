package dev.oko;

import static dev.oko.Reference.check;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/** Checks and installs updates through the native methods. */
final class OkoUpdateTest {
  private final SealedModels models;
  private final Path folder;
  private final Store store = new Store();

  /** Remembers what it is told, and throws what it is told to. */
  private static final class Store implements OkoCalls {
    final Map<String, Long> stored = new TreeMap<>();
    Exception releaseThrows, storeThrows;

    @Override
    public byte[] agree(byte[] sender) {
      throw new AssertionError("an index is not encrypted");
    }

    @Override
    public long release(byte[] model) throws Exception {
      if (releaseThrows != null) throw releaseThrows;
      return stored.getOrDefault(new String(model, StandardCharsets.UTF_8), 0L);
    }

    @Override
    public void storeRelease(byte[] model, long number) throws Exception {
      if (storeThrows != null) throw storeThrows;
      stored.put(new String(model, StandardCharsets.UTF_8), number);
    }
  }

  private OkoUpdateTest(String[] arguments) throws Exception {
    SoftwareKey key = new SoftwareKey();
    String recipient = new String(OkoNative.p256Recipient(key.point()), StandardCharsets.UTF_8);
    models = new SealedModels(arguments, recipient);
    folder = Files.createDirectory(models.folder.resolve("Modelle für später"));
  }

  public static void main(String[] arguments) throws Exception {
    OkoUpdateTest test = new OkoUpdateTest(arguments);
    test.modelsAreFoundAndInstalled();
    test.whatTheStoreThrowsIsTheCause();
    test.mistakesAreExceptions();
    test.models.delete();
    System.out.println("all passed");
  }

  private static byte[] utf8(Object text) {
    return text.toString().getBytes(StandardCharsets.UTF_8);
  }

  private long open(byte[] index, String root) throws IOException {
    byte[] signer = utf8(models.signer());
    return OkoNative.checkUpdate(
        index, utf8(root), utf8(folder), signer, utf8("2.4.1"), 0, true, store);
  }

  private long open(int release) throws IOException {
    return open(Files.readAllBytes(models.index(release)), models.root());
  }

  /** What is stored under this and the id of a key. */
  private long stored(String start) {
    return store.stored.entrySet().stream()
        .filter(entry -> entry.getKey().matches(start.replace(".", "\\.") + "[0-9A-F]{16}"))
        .mapToLong(entry -> entry.getValue())
        .sum();
  }

  private interface Call {
    void run() throws IOException;
  }

  private static OkoException refusal(Call call) throws IOException {
    try {
      call.run();
    } catch (OkoException e) {
      return e;
    }
    throw new AssertionError("no exception");
  }

  private void modelsAreFoundAndInstalled() throws IOException {
    long update = open(7);
    check(stored("@index.") == 1 && stored("@root.") == 1, store.stored.toString());
    long[] numbers = new long[3];
    byte[][] texts = OkoNative.findUpdate(update, utf8("cards"), numbers);
    Path path = folder.resolve("cards.oko.sealed");
    check(new String(texts[0], StandardCharsets.UTF_8).equals("cards-7.oko.sealed"), "its name");
    check(new String(texts[1], StandardCharsets.UTF_8).equals(path.toString()), "its path");
    check(numbers[0] == 7 && numbers[1] == 0, "7, and none is installed");
    check(numbers[2] == Files.size(models.release(7)), "its size");
    OkoNative.installUpdate(update, utf8("cards"), utf8(models.release(7)));
    check(Files.mismatch(path, models.release(7)) == -1, "it is installed");
    OkoNative.findUpdate(update, utf8("cards"), numbers);
    check(numbers[1] == 7, "and found");
    OkoNative.closeUpdate(update);
  }

  private void whatTheStoreThrowsIsTheCause() throws IOException {
    store.releaseThrows = new IllegalStateException("no store");
    OkoException e = refusal(() -> OkoNative.closeUpdate(open(8)));
    check(e.status == OkoException.STORAGE && e.getCause() == store.releaseThrows, e.toString());
    store.releaseThrows = null;
    store.storeThrows = new IOException("the disk is full");
    e = refusal(() -> OkoNative.closeUpdate(open(8)));
    check(e.status == OkoException.STORAGE && e.getCause() == store.storeThrows, e.toString());
    store.storeThrows = null;
    OkoNative.closeUpdate(open(8));
    check(stored("@index.") == 2, "the newer index is stored");
    e = refusal(() -> OkoNative.closeUpdate(open(7)));
    check(e.status == OkoException.OLD_RELEASE && e.getCause() == null, e.toString());
  }

  private void mistakesAreExceptions() throws IOException {
    OkoException e = refusal(() -> open(new byte[0], models.root()));
    check(e.status == OkoException.BAD_MODEL, e.toString());
    byte[] index = Files.readAllBytes(models.index(8));
    e = refusal(() -> open(index, ""));
    check(e.status == OkoException.INVALID_ARGUMENT, e.toString());
    long update = open(8);
    e = refusal(() -> OkoNative.findUpdate(update, utf8("coins"), new long[3]));
    check(e.status == OkoException.OTHER_MODEL, e.toString());
    e = refusal(() -> OkoNative.installUpdate(update, utf8("coins"), utf8(models.release(8))));
    check(e.status == OkoException.OTHER_MODEL, e.toString());
    try {
      OkoNative.findUpdate(update, utf8("cards"), new long[2]);
      throw new AssertionError("no room for three numbers");
    } catch (ArrayIndexOutOfBoundsException expected) {
      // of the virtual machine
    }
    OkoNative.closeUpdate(update);
  }
}
