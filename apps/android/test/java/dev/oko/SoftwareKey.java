package dev.oko;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.util.Arrays;
import javax.crypto.KeyAgreement;

/** ECDH as Java has it, in place of a key in hardware. */
final class SoftwareKey {
  private final KeyPair pair;

  SoftwareKey() throws GeneralSecurityException {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(new ECGenParameterSpec("secp256r1"));
    pair = generator.generateKeyPair();
  }

  byte[] point() {
    ECPoint w = ((ECPublicKey) pair.getPublic()).getW();
    byte[] point = ByteBuffer.allocate(65).put((byte) 4).array();
    put(w.getAffineX(), point, 1);
    put(w.getAffineY(), point, 33);
    return point;
  }

  private static void put(BigInteger coordinate, byte[] point, int at) {
    for (int i = 0; i < 32; ++i) {
      point[at + i] = coordinate.shiftRight(8 * (31 - i)).byteValue();
    }
  }

  byte[] agree(byte[] sender) throws GeneralSecurityException {
    BigInteger x = new BigInteger(1, Arrays.copyOfRange(sender, 1, 33));
    BigInteger y = new BigInteger(1, Arrays.copyOfRange(sender, 33, 65));
    ECPublicKeySpec theirs =
        new ECPublicKeySpec(new ECPoint(x, y), ((ECPublicKey) pair.getPublic()).getParams());
    KeyAgreement agreement = KeyAgreement.getInstance("ECDH");
    agreement.init(pair.getPrivate());
    agreement.doPhase(KeyFactory.getInstance("EC").generatePublic(theirs), true);
    return agreement.generateSecret();
  }
}
