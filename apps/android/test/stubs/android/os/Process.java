package android.os;

/** Remembers what the threads of this name were set to. */
public class Process {
  public static final int THREAD_PRIORITY_DISPLAY = -4, THREAD_PRIORITY_BACKGROUND = 10;
  public static final java.util.Map<String, Integer> SET =
      new java.util.concurrent.ConcurrentHashMap<>();

  public static void setThreadPriority(int priority) {
    SET.put(Thread.currentThread().getName(), priority);
  }
}
