package android.security.keystore;

import java.security.spec.KeySpec;

public class KeyInfo implements KeySpec {
  private final int securityLevel;

  public KeyInfo(int securityLevel) {
    this.securityLevel = securityLevel;
  }

  public int getSecurityLevel() {
    return securityLevel;
  }
}
