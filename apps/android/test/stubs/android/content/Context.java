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
}
