package android.view

import android.content.Context
import android.content.res.Resources
import android.graphics.Canvas

open class View(val context: Context) {
    val width = 0
    val height = 0
    val resources = Resources()

    fun invalidate() = Unit

    fun post(action: Runnable) = true

    protected open fun onDraw(canvas: Canvas) = Unit
}

open class ViewGroup(context: Context) : View(context) {
    class LayoutParams(width: Int, height: Int) {
        companion object {
            const val MATCH_PARENT = -1
        }
    }

    fun addView(child: View, params: LayoutParams) = Unit
}
