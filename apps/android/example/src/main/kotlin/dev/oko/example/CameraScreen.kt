package dev.oko.example

import android.util.Log
import androidx.camera.core.CameraSelector
import androidx.camera.view.PreviewView
import androidx.compose.foundation.Canvas
import androidx.compose.foundation.layout.Box as Stack
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.text.BasicText
import androidx.compose.runtime.Composable
import androidx.compose.runtime.DisposableEffect
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.setValue
import androidx.compose.ui.Modifier
import androidx.compose.ui.geometry.Offset
import androidx.compose.ui.geometry.Size
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.graphics.drawscope.Stroke
import androidx.compose.ui.platform.LocalContext
import androidx.compose.ui.text.drawText
import androidx.compose.ui.text.rememberTextMeasurer
import androidx.compose.ui.viewinterop.AndroidView
import androidx.lifecycle.compose.LocalLifecycleOwner
import dev.oko.OkoViewport

/** The same in Compose, for an app that has asked for the permission CAMERA. */
@Composable
fun CameraScreen(camera: CameraSelector = CameraSelector.DEFAULT_BACK_CAMERA) {
    val context = LocalContext.current
    val owner = LocalLifecycleOwner.current
    val measurer = rememberTextMeasurer()
    var boxes by remember { mutableStateOf(Boxes.NONE) }
    var problem by remember { mutableStateOf("") }
    val preview = remember { PreviewView(context) }

    DisposableEffect(owner, camera) {
        val finder =
            Finder(
                context,
                mirror = camera == CameraSelector.DEFAULT_FRONT_CAMERA,
                show = { boxes = it },
                fail = {
                    Log.w("oko", "assets/model.oko cannot be used", it)
                    problem = it.message ?: "assets/model.oko cannot be used"
                },
            )
        val shown = startCamera(owner, preview, camera, finder)
        onDispose {
            shown.close()
            finder.close()
        }
    }

    Stack(Modifier.fillMaxSize()) {
        AndroidView({ preview }, Modifier.fillMaxSize())
        Canvas(Modifier.fillMaxSize()) {
            val view = OkoViewport(boxes.upright, size.width, size.height)
            for (box in boxes.all) {
                val (left, top, right, bottom) = view.place(box.edges)
                val corner = Offset(left, top)
                drawRect(Color.Yellow, corner, Size(right - left, bottom - top), style = Stroke(4f))
                drawText(measurer.measure(box.text), Color.Yellow, corner)
            }
        }
        BasicText(problem)
    }
}
