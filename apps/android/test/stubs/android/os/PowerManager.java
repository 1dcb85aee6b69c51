package android.os;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Executor;

/** Tests set the status, which Android measures. */
public class PowerManager {
  public interface OnThermalStatusChangedListener {
    void onThermalStatusChanged(int status);
  }

  public final Map<OnThermalStatusChangedListener, Executor> listeners = new LinkedHashMap<>();
  private int status;

  public void setStatus(int status) {
    this.status = status;
    listeners.forEach((listener, executor) ->
        executor.execute(() -> listener.onThermalStatusChanged(status)));
  }

  public int getCurrentThermalStatus() {
    return status;
  }

  public void addThermalStatusListener(
      Executor executor, OnThermalStatusChangedListener listener) {
    listeners.put(listener, executor);
  }

  public void removeThermalStatusListener(OnThermalStatusChangedListener listener) {
    listeners.remove(listener);
  }
}
