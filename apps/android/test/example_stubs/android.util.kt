package android.util

object Log {
    fun i(tag: String, text: String) = 0

    fun i(tag: String, text: String, thrown: Throwable) = 0

    fun w(tag: String, text: String, thrown: Throwable) = 0
}
