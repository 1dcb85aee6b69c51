package dev.oko

import java.io.ByteArrayOutputStream
import java.io.EOFException
import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.io.OutputStream
import java.net.HttpURLConnection
import java.net.URL

/**
 * The server that models are fetched from: what `oko seal publish` writes, at [address], such as
 * "https://models.example.com/v1". Only https is accepted, and http from this device itself
 * ("localhost"), for tests. [cache] is the folder for what is being fetched, such as
 * context.cacheDir. The server is given up when it is silent for [timeout] milliseconds.
 */
class OkoUpdateServer
@JvmOverloads
constructor(
    private val address: String,
    private val options: OkoUpdateOptions,
    private val cache: File,
    private val timeout: Int = 30_000,
) {
    init {
        val url = URL(address)
        require(isAllowed(url)) { "$url: neither https nor http from localhost" }
    }

    /**
     * Checks the server's index and, if it has a newer release of [model], fetches and installs
     * that. Returns the file of the model, for OkoModel.openSealed(). The options' folder is
     * created if there is none.
     *
     * Works in the caller's thread, which must not be the app's main one, and may take minutes.
     * Throws IOException if the server cannot be reached or does not deliver, and OkoException if
     * what it delivers is refused. Whatever is thrown, the model that was installed is still there.
     */
    @Synchronized
    @Throws(IOException::class)
    fun update(model: String): File {
        val folder = options.folder
        if (!folder.isDirectory && !folder.mkdirs()) throw IOException("$folder: cannot be created")
        val index = ByteArrayOutputStream()
        fetch(INDEX, LONGEST_INDEX, index)
        return OkoUpdate.check(index.toByteArray(), options).use { update ->
            val found = update.find(model)
            if (found.isNewer) install(update, model, found)
            found.path
        }
    }

    private fun install(update: OkoUpdate, model: String, found: OkoUpdateModel) {
        val fetched = File.createTempFile("oko-update", null, cache)
        try {
            val size = FileOutputStream(fetched).use { fetch(found.file, found.size, it) }
            if (size < found.size) {
                throw EOFException("${found.file}: ended after $size of ${found.size} bytes")
            }
            update.install(model, fetched)
        } finally {
            fetched.delete()
        }
    }

    /** Returns how many bytes there were, at most [limit]. */
    private fun fetch(name: String, limit: Long, to: OutputStream): Long {
        val url = URL("${address.trimEnd('/')}/$name")
        val connection = url.openConnection() as HttpURLConnection
        connection.connectTimeout = timeout
        connection.readTimeout = timeout
        connection.useCaches = false  // an index is new, and a model is fetched once
        connection.setRequestProperty("Accept-Encoding", "identity")
        try {
            val status = connection.responseCode
            // It may have been redirected.
            if (!isAllowed(connection.url)) throw IOException("$url: leads to ${connection.url}")
            if (status != HttpURLConnection.HTTP_OK) throw IOException("$url: HTTP $status")
            return connection.inputStream.use { body ->
                val part = ByteArray(PART)
                var size = 0L
                while (true) {
                    val count = body.read(part)
                    if (count < 0) break
                    size += count
                    if (size > limit) throw IOException("$url: has more than $limit bytes")
                    to.write(part, 0, count)
                }
                size
            }
        } finally {
            connection.disconnect()
        }
    }

    private companion object {
        const val INDEX = "models.oko.index"
        const val LONGEST_INDEX = 1L shl 20  // bytes; a release takes about 200
        const val PART = 1 shl 16
        val LOOPBACK = setOf("localhost", "127.0.0.1", "[::1]")

        fun isAllowed(url: URL) =
            url.protocol == "https" || url.protocol == "http" && url.host in LOOPBACK
    }
}
