package android.os;

public class Build {
  public static class VERSION {
    public static int SDK_INT = 35;
  }

  public static class VERSION_CODES {
    public static final int Q = 29, S = 31;
  }
}
