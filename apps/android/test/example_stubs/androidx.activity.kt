package androidx.activity

import android.content.Context
import android.os.Bundle
import android.view.View
import androidx.activity.result.ActivityResultLauncher
import androidx.activity.result.contract.ActivityResultContract
import androidx.lifecycle.LifecycleOwner

abstract class ComponentActivity : Context(), LifecycleOwner {
    override fun getAssets() = error("a stand-in")

    protected open fun onCreate(savedInstanceState: Bundle?) = Unit

    protected open fun onDestroy() = Unit

    fun setContentView(view: View) = Unit

    fun finish() = Unit

    fun <I, O> registerForActivityResult(
        contract: ActivityResultContract<I, O>,
        callback: (O) -> Unit,
    ) = ActivityResultLauncher<I>()
}
