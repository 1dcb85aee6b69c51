package android.content.res;

import java.io.IOException;

/** Opens files of one folder, instead of assets in the package. */
public class AssetManager {
  private final java.io.File folder;

  public AssetManager(java.io.File folder) {
    this.folder = folder;
  }

  public AssetFileDescriptor openFd(String name) throws IOException {
    return new AssetFileDescriptor(new java.io.File(folder, name));
  }
}
