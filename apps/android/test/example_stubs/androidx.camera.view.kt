package androidx.camera.view

import android.content.Context
import android.view.View
import androidx.camera.core.Preview
import androidx.camera.core.ViewPort

class PreviewView(context: Context) : View(context) {
    val viewPort: ViewPort? = null
    val surfaceProvider: Preview.SurfaceProvider
        get() = error("a stand-in")
}
