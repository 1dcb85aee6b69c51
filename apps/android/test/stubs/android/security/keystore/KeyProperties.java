package android.security.keystore;

public abstract class KeyProperties {
  public static final String KEY_ALGORITHM_EC = "EC";
  public static final int PURPOSE_AGREE_KEY = 64;
  public static final int SECURITY_LEVEL_SOFTWARE = 0;
  public static final int SECURITY_LEVEL_TRUSTED_ENVIRONMENT = 1;
  public static final int SECURITY_LEVEL_STRONGBOX = 2;
}
