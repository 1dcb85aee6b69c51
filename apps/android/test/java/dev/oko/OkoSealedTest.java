package dev.oko;

import static dev.oko.Reference.check;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** Opens sealed models through the native methods: what they call back, and what comes of it. */
final class OkoSealedTest {
  private final SoftwareKey key = new SoftwareKey();
  private final SealedModels models;
  private final Calls calls = new Calls();

  /** Counts what it is asked, and throws what it is told to. */
  private final class Calls implements OkoCalls {
    long release;
    int agreed;
    Exception agreeThrows, releaseThrows, storeThrows;
    byte[] secret, answer;

    @Override
    public byte[] agree(byte[] sender) throws Exception {
      ++agreed;
      if (agreeThrows != null) throw agreeThrows;
      secret = answer != null ? answer : key.agree(sender);
      return secret;
    }

    @Override
    public long release(byte[] model) throws Exception {
      check(new String(model, StandardCharsets.UTF_8).equals("cards"), "the model's id");
      if (releaseThrows != null) throw releaseThrows;
      return release;
    }

    @Override
    public void storeRelease(byte[] model, long number) throws Exception {
      if (storeThrows != null) throw storeThrows;
      release = number;
    }
  }

  private OkoSealedTest(String[] arguments) throws Exception {
    String recipient = new String(OkoNative.p256Recipient(key.point()), StandardCharsets.UTF_8);
    check(recipient.startsWith("age1tag1"), recipient);
    models = new SealedModels(arguments, recipient);
  }

  public static void main(String[] arguments) throws Exception {
    OkoSealedTest test = new OkoSealedTest(arguments);
    test.theKeyOpensModelsOfFilesAndBuffers();
    test.whatACallThrowsIsTheCause();
    test.wrongSecretsAreRefused();
    test.mistakesAreExceptions();
    test.models.delete();
    System.out.println("all passed");
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private long open(byte[] path, ByteBuffer bytes, byte[] point, byte[] identity)
      throws IOException {
    return OkoNative.openSealed(
        path, bytes, utf8(models.signer()), identity, utf8("cards"), utf8("2.4.1"), 0, point, true,
        calls, 0, 0, 0, null, null, false);
  }

  private OkoException refusal(Path model, byte[] point) throws IOException {
    try {
      OkoNative.closeModel(open(utf8(model.toString()), null, point, null));
    } catch (OkoException e) {
      return e;
    }
    throw new AssertionError("no exception");
  }

  private void theKeyOpensModelsOfFilesAndBuffers() throws IOException {
    long model = open(utf8(models.release(7).toString()), null, key.point(), null);
    byte[][] texts = OkoNative.modelTexts(model);
    check(new String(texts[7], StandardCharsets.UTF_8).equals("cat"), "class 0");
    OkoNative.closeModel(model);
    check(calls.agreed == 1 && calls.release == 7, "it was asked");
    check(Arrays.equals(calls.secret, new byte[32]), "the secret is overwritten");

    byte[] all = Files.readAllBytes(models.release(8));
    ByteBuffer bytes = ByteBuffer.allocateDirect(all.length).put(all).flip();
    OkoNative.closeModel(open(null, bytes, key.point(), null));
    check(calls.release == 8, "the newer one is stored");
    byte[] identity = models.identity();
    OkoNative.closeModel(open(null, bytes, null, identity));
    check(calls.agreed == 2, "an identity needs no key");

    OkoException old = refusal(models.release(7), key.point());
    check(old.status == OkoException.OLD_RELEASE && old.getCause() == null, old.toString());
    calls.release = 0;
  }

  private void whatACallThrowsIsTheCause() throws IOException {
    calls.agreeThrows = new IOException("the key is locked");
    OkoException e = refusal(models.release(8), key.point());
    check(e.status == OkoException.NO_KEY && e.getCause() == calls.agreeThrows, e.toString());
    calls.agreeThrows = null;

    calls.releaseThrows = new IllegalStateException("no store");
    e = refusal(models.release(8), key.point());
    check(e.status == OkoException.STORAGE && e.getCause() == calls.releaseThrows, e.toString());
    calls.releaseThrows = null;

    calls.storeThrows = new IOException("the disk is full");
    e = refusal(models.release(8), key.point());
    check(e.status == OkoException.STORAGE && e.getCause() == calls.storeThrows, e.toString());
    calls.storeThrows = null;

    calls.release = -1;
    e = refusal(models.release(8), key.point());
    check(e.status == OkoException.STORAGE && e.getCause() == null, e.toString());
    calls.release = 0;
    OkoNative.closeModel(open(utf8(models.release(8).toString()), null, key.point(), null));
    calls.release = 0;
  }

  private void wrongSecretsAreRefused() throws Exception {
    for (int size : new int[] {0, 31, 32, 33}) {
      calls.answer = new byte[size];
      check(refusal(models.release(8), key.point()).status == OkoException.NO_KEY, "size " + size);
    }
    calls.answer = null;
    int asked = calls.agreed;
    byte[] other = new SoftwareKey().point();
    check(refusal(models.release(8), other).status == OkoException.NO_KEY, "another key");
    check(calls.agreed == asked, "a key is not asked for others' stanzas");
  }

  private void mistakesAreExceptions() throws IOException {
    check(refusal(models.damaged(), key.point()).status == OkoException.BAD_MODEL, "damaged");
    check(refusal(models.release(8), null).status == OkoException.INVALID_ARGUMENT, "no key");
    OkoException e = refusal(models.release(8), new byte[64]);
    check(e.status == OkoException.INVALID_ARGUMENT && e.getMessage().contains("64"), e.toString());
    e = refusal(models.release(8), new byte[65]);
    check(e.status == OkoException.INVALID_ARGUMENT, e.toString());
    try {
      OkoNative.p256Recipient(new byte[65]);
    } catch (OkoException refused) {
      check(refused.status == OkoException.INVALID_ARGUMENT, refused.toString());
      return;
    }
    throw new AssertionError("zeros are not a point");
  }
}
