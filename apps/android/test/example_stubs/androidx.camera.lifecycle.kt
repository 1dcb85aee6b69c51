package androidx.camera.lifecycle

import android.content.Context
import androidx.camera.core.CameraSelector
import androidx.camera.core.UseCase
import androidx.lifecycle.LifecycleOwner
import java.util.concurrent.Executor
import java.util.concurrent.Future

abstract class ListenableFuture<T> : Future<T> {
    abstract fun addListener(listener: Runnable, executor: Executor)
}

class ProcessCameraProvider {
    fun bindToLifecycle(owner: LifecycleOwner, camera: CameraSelector, vararg useCases: UseCase) =
        Unit

    companion object {
        fun getInstance(context: Context): ListenableFuture<ProcessCameraProvider> =
            error("a stand-in")
    }
}
