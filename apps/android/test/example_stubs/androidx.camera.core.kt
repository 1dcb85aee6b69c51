package androidx.camera.core

import java.util.concurrent.Executor

abstract class UseCase

class CameraSelector {
    companion object {
        val DEFAULT_BACK_CAMERA = CameraSelector()
        val DEFAULT_FRONT_CAMERA = CameraSelector()
    }
}

class ImageAnalysis : UseCase() {
    fun setAnalyzer(executor: Executor, analyzer: Analyzer) = Unit

    fun interface Analyzer {
        fun analyze(image: ImageProxy)
    }

    class Builder {
        fun setBackpressureStrategy(strategy: Int) = this

        fun build() = ImageAnalysis()
    }

    companion object {
        const val STRATEGY_KEEP_ONLY_LATEST = 0
    }
}

class ViewPort

class UseCaseGroup {
    class Builder {
        fun addUseCase(useCase: UseCase) = this

        fun setViewPort(port: ViewPort) = this

        fun build() = UseCaseGroup()
    }
}

class Preview : UseCase() {
    interface SurfaceProvider

    fun setSurfaceProvider(provider: SurfaceProvider) = Unit

    class Builder {
        fun build() = Preview()
    }
}
