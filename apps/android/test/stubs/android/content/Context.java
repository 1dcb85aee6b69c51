package android.content;

import android.content.res.AssetManager;
import java.io.File;

public abstract class Context {
  public abstract AssetManager getAssets();

  public File getCacheDir() {
    throw new UnsupportedOperationException("a stand-in");
  }

  public File getNoBackupFilesDir() {
    throw new UnsupportedOperationException("a stand-in");
  }

  public Context getApplicationContext() {
    return this;
  }

  public <T> T getSystemService(Class<T> service) {
    throw new UnsupportedOperationException("a stand-in");
  }

  public void registerComponentCallbacks(ComponentCallbacks2 callbacks) {
    throw new UnsupportedOperationException("a stand-in");
  }

  public void unregisterComponentCallbacks(ComponentCallbacks2 callbacks) {
    throw new UnsupportedOperationException("a stand-in");
  }
}
