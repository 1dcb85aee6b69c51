package androidx.camera.lifecycle

import android.content.Context
import androidx.camera.core.CameraSelector
import androidx.camera.core.UseCaseGroup
import androidx.lifecycle.LifecycleOwner
import java.util.concurrent.Executor
import java.util.concurrent.Future

abstract class ListenableFuture<T> : Future<T> {
    abstract fun addListener(listener: Runnable, executor: Executor)
}

class ProcessCameraProvider {
    fun bindToLifecycle(owner: LifecycleOwner, camera: CameraSelector, group: UseCaseGroup) = Unit

    fun unbindAll() = Unit

    companion object {
        fun getInstance(context: Context): ListenableFuture<ProcessCameraProvider> =
            error("a stand-in")
    }
}
