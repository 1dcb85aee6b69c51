package android.content;

import android.content.res.Configuration;

public interface ComponentCallbacks2 {
  int TRIM_MEMORY_RUNNING_LOW = 10, TRIM_MEMORY_UI_HIDDEN = 20;

  void onConfigurationChanged(Configuration newConfig);

  void onLowMemory();

  void onTrimMemory(int level);
}
