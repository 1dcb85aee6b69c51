package dev.oko.example

import android.Manifest
import android.os.Bundle
import android.view.ViewGroup.LayoutParams
import android.widget.FrameLayout
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.camera.core.Preview
import androidx.camera.lifecycle.ProcessCameraProvider
import androidx.camera.view.PreviewView
import androidx.core.content.ContextCompat
import dev.oko.OkoDetector
import dev.oko.OkoModel
import dev.oko.toOkoFrame
import java.util.concurrent.Executors

/** The camera with boxes around what assets/model.oko detects. */
class CameraActivity : ComponentActivity() {
    private val camera = CameraSelector.DEFAULT_BACK_CAMERA
    private val mirror = camera == CameraSelector.DEFAULT_FRONT_CAMERA
    private val worker = Executors.newSingleThreadExecutor()
    private lateinit var detector: OkoDetector
    private lateinit var preview: PreviewView
    private lateinit var boxes: BoxesView

    private val permission =
        registerForActivityResult(ActivityResultContracts.RequestPermission()) { granted ->
            if (granted) startCamera() else finish()
        }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        detector = OkoModel.openAsset(this, "model.oko").use { OkoDetector(it, threads = 2) }
        preview = PreviewView(this)  // fills its area, cropped
        boxes = BoxesView(this)
        val whole = LayoutParams(LayoutParams.MATCH_PARENT, LayoutParams.MATCH_PARENT)
        setContentView(
            FrameLayout(this).apply {
                addView(preview, whole)
                addView(boxes, whole)
            }
        )
        permission.launch(Manifest.permission.CAMERA)
    }

    private fun startCamera() {
        val provider = ProcessCameraProvider.getInstance(this)
        provider.addListener(
            {
                val analysis =
                    ImageAnalysis.Builder()
                        .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
                        .build()
                analysis.setAnalyzer(worker) { image -> image.use(::look) }
                val shown = Preview.Builder().build()
                shown.setSurfaceProvider(preview.surfaceProvider)
                provider.get().bindToLifecycle(this, camera, shown, analysis)
            },
            ContextCompat.getMainExecutor(this),
        )
    }

    private fun look(image: ImageProxy) {
        val frame = image.toOkoFrame(mirror)
        val found = detector.detect(frame)
        val upright = found.map { it.copy(box = frame.upright(it.box)) }
        val (width, height) = Pair(frame.uprightWidth, frame.uprightHeight)
        runOnUiThread { boxes.show(upright, width, height) }
    }

    override fun onDestroy() {
        super.onDestroy()
        worker.execute { detector.close() }  // after the current frame
        worker.shutdown()
    }
}
