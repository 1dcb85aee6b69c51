package dev.oko

import android.content.Context
import java.io.File
import java.io.FileOutputStream
import java.io.IOException

/**
 * Releases in files of the app, one a model, that are not part of backups. This stops who replaces
 * the model's file, or serves an older one. It does not stop who clears the app's data, installs it
 * anew, or has root: where that matters, keep the number on your server.
 */
class OkoFileReleases(private val folder: File) : OkoReleases {
    constructor(context: Context) : this(File(context.noBackupFilesDir, "oko-releases"))

    override fun get(model: String): Long {
        val file = File(folder, model + ENDING)
        if (!file.exists()) return 0
        // Written whole or not at all: anything else was changed by others, and is not forgotten.
        return file.readText().toLongOrNull()?.takeIf { it > 0 }
            ?: throw IOException("$file: not the number of a release")
    }

    override fun set(model: String, release: Long) {
        if (!folder.isDirectory && !folder.mkdirs()) throw IOException("$folder: cannot be created")
        val file = File(folder, model + ENDING)
        val fresh = File(folder, "$model$ENDING.new")
        FileOutputStream(fresh).use {
            it.write(release.toString().toByteArray())
            it.fd.sync()
        }
        if (!fresh.renameTo(file)) throw IOException("$file: cannot be replaced")
    }

    private companion object {
        const val ENDING = ".release"
    }
}
