package dev.oko.example

import android.Manifest
import android.os.Bundle
import android.util.Log
import android.view.ViewGroup.LayoutParams
import android.widget.FrameLayout
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts
import androidx.camera.core.CameraSelector
import androidx.camera.view.PreviewView

/** The camera with boxes around what assets/model.oko detects, and ids that stay with it. */
class CameraActivity : ComponentActivity() {
    private val camera = CameraSelector.DEFAULT_BACK_CAMERA
    private lateinit var finder: Finder
    private lateinit var preview: PreviewView

    private val permission =
        registerForActivityResult(ActivityResultContracts.RequestPermission()) { granted ->
            if (granted) startCamera(this, preview, camera, finder) else finish()
        }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        preview = PreviewView(this)  // fills its area, cropped; shows front cameras mirrored
        val boxes = BoxesView(this)
        finder =
            Finder(
                this,
                mirror = camera == CameraSelector.DEFAULT_FRONT_CAMERA,
                show = boxes::show,
                fail = {
                    Log.w("oko", "assets/model.oko cannot be used", it)
                    finish()
                },
            )
        val whole = LayoutParams(LayoutParams.MATCH_PARENT, LayoutParams.MATCH_PARENT)
        setContentView(
            FrameLayout(this).apply {
                addView(preview, whole)
                addView(boxes, whole)
            }
        )
        permission.launch(Manifest.permission.CAMERA)
    }

    override fun onDestroy() {
        super.onDestroy()
        finder.close()
    }
}
