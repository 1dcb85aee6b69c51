package dev.oko.example

import android.content.Context
import android.util.Log
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.core.content.ContextCompat
import dev.oko.OkoException
import dev.oko.OkoLiveDetector
import dev.oko.OkoLiveListener
import dev.oko.OkoLiveOptions
import dev.oko.OkoLiveResult
import dev.oko.OkoModel
import dev.oko.OkoModelOptions
import dev.oko.OkoObject
import dev.oko.OkoObjectState
import dev.oko.submit
import dev.oko.viewport
import java.util.concurrent.Executors

/**
 * Follows what assets/model.oko detects. The models are opened and closed in the analyzer's thread:
 * opening comes first there, then the frames, and closing after the last one. [mirror] is for front
 * cameras, whose preview is mirrored. [show] and [fail] are called in the main thread.
 */
class Finder(
    private val context: Context,
    private val mirror: Boolean,
    private val show: (Boxes) -> Unit,
    private val fail: (Throwable) -> Unit,
) : ImageAnalysis.Analyzer, OkoLiveListener, AutoCloseable {
    val worker = Executors.newSingleThreadExecutor()
    private val main = ContextCompat.getMainExecutor(context)
    private var live: OkoLiveDetector? = null

    init {
        worker.execute {
            try {
                live = open()
            } catch (e: Exception) {
                main.execute { fail(e) }
            }
        }
    }

    private fun open(): OkoLiveDetector {
        val models = ArrayList<OkoModel>()
        try {
            models += OkoModel.openAsset(context, "model.oko")
            // For a hot or slow phone three quarters of it; most networks need multiples of 32.
            val (width, height) = models.first().let { smaller(it.width) to smaller(it.height) }
            val options = OkoModelOptions(width = width, height = height)
            models += OkoModel.openAsset(context, "model.oko", options)
            val how = OkoLiveOptions(framesPerSecond = 15.0, budget = 60.0, threads = 2)
            return OkoLiveDetector(context, models, main, this, how)
        } finally {
            models.forEach { it.close() }
        }
    }

    private fun smaller(side: Int) = maxOf(side * 3 / 4 / 32 * 32, 32)

    override fun analyze(image: ImageProxy) {
        image.use { live?.submit(it, mirror) }
    }

    override fun onResult(result: OkoLiveResult) {
        val frame = result.frame
        val seen = result.objects.filter { it.state == OkoObjectState.SEEN }
        val boxes = seen.map { Box(frame.upright(it.box), textOf(it)) }
        show(Boxes(boxes, frame.viewport(1, 1).shown))
    }

    override fun onLog(text: String, warning: Boolean) {
        Log.i("oko", text)
    }

    override fun onError(error: OkoException) = fail(error)

    override fun close() {
        worker.execute { live?.close() }
        worker.shutdown()
    }

    private fun textOf(o: OkoObject) = "%d %s %.0f%%".format(o.id, o.label, o.score * 100)
}
