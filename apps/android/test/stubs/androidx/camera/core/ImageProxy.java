package androidx.camera.core;

import android.graphics.Rect;
import java.nio.ByteBuffer;

public interface ImageProxy extends AutoCloseable {
  @Override
  void close();

  Rect getCropRect();

  int getFormat();

  int getHeight();

  int getWidth();

  PlaneProxy[] getPlanes();

  ImageInfo getImageInfo();

  interface PlaneProxy {
    int getRowStride();

    int getPixelStride();

    ByteBuffer getBuffer();
  }
}
