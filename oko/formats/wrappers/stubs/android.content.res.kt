package android.content.res

import java.io.Closeable
import java.io.FileDescriptor

class AssetFileDescriptor(
    val fileDescriptor: FileDescriptor,
    val startOffset: Long,
    val declaredLength: Long,
) : Closeable {
    override fun close() {}
}

interface AssetManager {
    fun openFd(name: String): AssetFileDescriptor
}
