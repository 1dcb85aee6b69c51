package android.security.keystore;

import java.security.spec.AlgorithmParameterSpec;

public final class KeyGenParameterSpec implements AlgorithmParameterSpec {
  public final String alias;
  public final int purposes;
  public final AlgorithmParameterSpec curve;
  public final boolean strongBox;

  private KeyGenParameterSpec(Builder builder) {
    alias = builder.alias;
    purposes = builder.purposes;
    curve = builder.curve;
    strongBox = builder.strongBox;
  }

  public static final class Builder {
    private final String alias;
    private final int purposes;
    private AlgorithmParameterSpec curve;
    private boolean strongBox;

    public Builder(String alias, int purposes) {
      this.alias = alias;
      this.purposes = purposes;
    }

    public Builder setAlgorithmParameterSpec(AlgorithmParameterSpec curve) {
      this.curve = curve;
      return this;
    }

    public Builder setIsStrongBoxBacked(boolean strongBox) {
      this.strongBox = strongBox;
      return this;
    }

    public KeyGenParameterSpec build() {
      return new KeyGenParameterSpec(this);
    }
  }
}
