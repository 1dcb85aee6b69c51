package dev.oko.example

import android.content.Context
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import dev.oko.OkoDetection
import dev.oko.OkoDetector
import dev.oko.OkoModel
import dev.oko.toOkoFrame
import dev.oko.viewport
import java.util.concurrent.Executors

/**
 * Looks for what assets/model.oko detects, all in a thread of its own: opening the model comes
 * first there, then the frames, and closing after the last one. [mirror] is for front cameras,
 * whose preview is mirrored. [show] and [fail] are called in that thread.
 */
class Finder(
    private val context: Context,
    private val mirror: Boolean,
    private val show: (Boxes) -> Unit,
    private val fail: (Throwable) -> Unit,
) : ImageAnalysis.Analyzer, AutoCloseable {
    val worker = Executors.newSingleThreadExecutor()
    private var detector: OkoDetector? = null

    init {
        worker.execute {
            try {
                detector =
                    OkoModel.openAsset(context, "model.oko").use { OkoDetector(it, threads = 2) }
            } catch (e: Exception) {
                fail(e)
            }
        }
    }

    override fun analyze(image: ImageProxy) = image.use {
        val detector = detector ?: return@use
        val frame = it.toOkoFrame(mirror)
        val found = detector.detect(frame).map { d -> Box(frame.upright(d.box), textOf(d)) }
        show(Boxes(found, frame.viewport(1, 1).shown))
    }

    override fun close() {
        worker.execute { detector?.close() }
        worker.shutdown()
    }

    private fun textOf(d: OkoDetection) = "%s %.0f%%".format(d.label, d.score * 100)
}
