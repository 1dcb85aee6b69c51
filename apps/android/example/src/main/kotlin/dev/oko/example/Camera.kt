package dev.oko.example

import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.Preview
import androidx.camera.core.UseCaseGroup
import androidx.camera.lifecycle.ProcessCameraProvider
import androidx.camera.view.PreviewView
import androidx.core.content.ContextCompat
import androidx.lifecycle.LifecycleOwner

/**
 * Shows the camera in [view], and gives its frames to [finder], until what it returns is closed or
 * [owner] is destroyed. Both see the same part of the sensor (the view port), so that boxes fit
 * what is shown; it is known once the view has been laid out. For the main thread.
 */
fun startCamera(
    owner: LifecycleOwner,
    view: PreviewView,
    camera: CameraSelector,
    finder: Finder,
): AutoCloseable {
    val provider = ProcessCameraProvider.getInstance(view.context)
    var stopped = false
    val bind = Runnable {
        if (!stopped) provider.get().bindToLifecycle(owner, camera, group(view, finder))
    }
    view.post { provider.addListener(bind, ContextCompat.getMainExecutor(view.context)) }
    return AutoCloseable {
        stopped = true
        if (provider.isDone) provider.get().unbindAll()
    }
}

private fun group(view: PreviewView, finder: Finder): UseCaseGroup {
    val analysis =
        ImageAnalysis.Builder()
            .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
            .build()
    analysis.setAnalyzer(finder.worker, finder)
    val shown = Preview.Builder().build()
    shown.setSurfaceProvider(view.surfaceProvider)
    val group = UseCaseGroup.Builder().addUseCase(shown).addUseCase(analysis)
    view.viewPort?.let { group.setViewPort(it) }
    return group.build()
}
