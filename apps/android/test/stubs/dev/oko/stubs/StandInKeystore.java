package dev.oko.stubs;

import android.security.keystore.KeyGenParameterSpec;
import android.security.keystore.KeyInfo;
import android.security.keystore.KeyProperties;
import android.security.keystore.StrongBoxUnavailableException;
import java.io.InputStream;
import java.io.OutputStream;
import java.security.GeneralSecurityException;
import java.security.InvalidAlgorithmParameterException;
import java.security.InvalidKeyException;
import java.security.Key;
import java.security.KeyFactorySpi;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyPairGeneratorSpi;
import java.security.KeyStoreSpi;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.ProviderException;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.cert.Certificate;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.KeySpec;
import java.util.Collections;
import java.util.Date;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.Map;
import javax.crypto.KeyAgreement;
import javax.crypto.KeyAgreementSpi;
import javax.crypto.SecretKey;

/**
 * The provider "AndroidKeyStore" as far as OkoKeystoreKey uses it: private keys that show nothing
 * of themselves. ECDH is Java's own.
 */
public final class StandInKeystore extends Provider {
  private static final long serialVersionUID = 1;
  private static final String NAME = "AndroidKeyStore";
  private static final Map<String, KeyPair> KEYS = new HashMap<>();

  public static boolean hasStrongBox = false;

  public StandInKeystore() {
    super(NAME, "1", "a stand-in");
    put("KeyStore." + NAME, Store.class.getName());
    put("KeyPairGenerator.EC", Generator.class.getName());
    put("KeyAgreement.ECDH", Agreement.class.getName());
    put("KeyFactory.EC", Factory.class.getName());
  }

  /** A handle of a private key. */
  private static final class Kept implements PrivateKey {
    private static final long serialVersionUID = 1;
    final transient PrivateKey inside;
    final int level;

    Kept(PrivateKey inside, int level) {
      this.inside = inside;
      this.level = level;
    }

    @Override
    public String getAlgorithm() {
      return "EC";
    }

    @Override
    public String getFormat() {
      return null;
    }

    @Override
    public byte[] getEncoded() {
      return null;
    }
  }

  public static final class Generator extends KeyPairGeneratorSpi {
    private KeyGenParameterSpec spec;

    @Override
    public void initialize(int size, SecureRandom random) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void initialize(AlgorithmParameterSpec given, SecureRandom random)
        throws InvalidAlgorithmParameterException {
      spec = (KeyGenParameterSpec) given;
      if (spec.purposes != KeyProperties.PURPOSE_AGREE_KEY) {
        throw new InvalidAlgorithmParameterException("purposes " + spec.purposes);
      }
    }

    @Override
    public KeyPair generateKeyPair() {
      if (spec.strongBox && !hasStrongBox) throw new StrongBoxUnavailableException();
      try {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC", "SunEC");
        generator.initialize(spec.curve);
        KeyPair pair = generator.generateKeyPair();
        int level =
            spec.strongBox
                ? KeyProperties.SECURITY_LEVEL_STRONGBOX
                : KeyProperties.SECURITY_LEVEL_SOFTWARE;
        KeyPair kept = new KeyPair(pair.getPublic(), new Kept(pair.getPrivate(), level));
        KEYS.put(spec.alias, kept);
        return kept;
      } catch (GeneralSecurityException e) {
        throw new ProviderException(e);
      }
    }
  }

  public static final class Agreement extends KeyAgreementSpi {
    private KeyAgreement inside;

    @Override
    protected void engineInit(Key key, SecureRandom random) throws InvalidKeyException {
      try {
        inside = KeyAgreement.getInstance("ECDH", "SunEC");
      } catch (GeneralSecurityException e) {
        throw new ProviderException(e);
      }
      inside.init(((Kept) key).inside);
    }

    @Override
    protected void engineInit(Key key, AlgorithmParameterSpec spec, SecureRandom random)
        throws InvalidKeyException {
      engineInit(key, random);
    }

    @Override
    protected Key engineDoPhase(Key key, boolean last) throws InvalidKeyException {
      return inside.doPhase(key, last);
    }

    @Override
    protected byte[] engineGenerateSecret() {
      return inside.generateSecret();
    }

    @Override
    protected int engineGenerateSecret(byte[] secret, int offset) {
      throw new UnsupportedOperationException();
    }

    @Override
    protected SecretKey engineGenerateSecret(String algorithm) {
      throw new UnsupportedOperationException();
    }
  }

  public static final class Factory extends KeyFactorySpi {
    @Override
    protected <T extends KeySpec> T engineGetKeySpec(Key key, Class<T> type)
        throws InvalidKeySpecException {
      return type.cast(new KeyInfo(((Kept) key).level));
    }

    @Override
    protected PublicKey engineGeneratePublic(KeySpec spec) throws InvalidKeySpecException {
      throw new InvalidKeySpecException("not the Keystore's");
    }

    @Override
    protected PrivateKey engineGeneratePrivate(KeySpec spec) throws InvalidKeySpecException {
      throw new InvalidKeySpecException("not the Keystore's");
    }

    @Override
    protected Key engineTranslateKey(Key key) {
      throw new UnsupportedOperationException();
    }
  }

  /** Of the public key only. */
  private static final class KeyCertificate extends Certificate {
    private static final long serialVersionUID = 1;
    private final transient PublicKey key;

    KeyCertificate(PublicKey key) {
      super("X.509");
      this.key = key;
    }

    @Override
    public PublicKey getPublicKey() {
      return key;
    }

    @Override
    public byte[] getEncoded() {
      throw new UnsupportedOperationException();
    }

    @Override
    public void verify(PublicKey by) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void verify(PublicKey by, String provider) {
      throw new UnsupportedOperationException();
    }

    @Override
    public String toString() {
      return "a stand-in";
    }
  }

  public static final class Store extends KeyStoreSpi {
    @Override
    public Key engineGetKey(String alias, char[] password) {
      return engineContainsAlias(alias) ? KEYS.get(alias).getPrivate() : null;
    }

    @Override
    public Certificate engineGetCertificate(String alias) {
      return engineContainsAlias(alias) ? new KeyCertificate(KEYS.get(alias).getPublic()) : null;
    }

    @Override
    public boolean engineContainsAlias(String alias) {
      return KEYS.containsKey(alias);
    }

    @Override
    public void engineDeleteEntry(String alias) {
      KEYS.remove(alias);
    }

    @Override
    public void engineLoad(InputStream stream, char[] password) {}

    @Override
    public Certificate[] engineGetCertificateChain(String alias) {
      return new Certificate[] {engineGetCertificate(alias)};
    }

    @Override
    public Date engineGetCreationDate(String alias) {
      return null;
    }

    @Override
    public void engineSetKeyEntry(String alias, Key key, char[] password, Certificate[] chain) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void engineSetKeyEntry(String alias, byte[] key, Certificate[] chain) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void engineSetCertificateEntry(String alias, Certificate certificate) {
      throw new UnsupportedOperationException();
    }

    @Override
    public Enumeration<String> engineAliases() {
      return Collections.enumeration(KEYS.keySet());
    }

    @Override
    public int engineSize() {
      return KEYS.size();
    }

    @Override
    public boolean engineIsKeyEntry(String alias) {
      return engineContainsAlias(alias);
    }

    @Override
    public boolean engineIsCertificateEntry(String alias) {
      return false;
    }

    @Override
    public String engineGetCertificateAlias(Certificate certificate) {
      return null;
    }

    @Override
    public void engineStore(OutputStream stream, char[] password) {
      throw new UnsupportedOperationException();
    }
  }
}
