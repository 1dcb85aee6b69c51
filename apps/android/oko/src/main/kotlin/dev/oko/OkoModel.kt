package dev.oko

import android.content.Context
import java.io.File
import java.io.FileInputStream
import java.nio.ByteBuffer
import java.nio.channels.FileChannel

enum class OkoPrecision { MODEL, FLOAT32, FLOAT16, INT8 }

/** Zero and null mean the model's and the engine's defaults. */
data class OkoModelOptions(
    val precision: OkoPrecision = OkoPrecision.MODEL,
    val width: Int = 0,
    val height: Int = 0,
    val target: String? = null,
    val cacheFile: File? = null,
    /**
     * Opened only for what it says of itself, its class names and thresholds: takes milliseconds
     * and no memory for weights, and makes no detectors.
     */
    val describeOnly: Boolean = false,
)

/**
 * Mean average precision, 0 to 1, at an overlap of .5 and over .5 to .95, measured on [images]
 * images of a dataset's split. [ofTheseWeights] is false where those they were made from were
 * measured, by quantizing, say.
 */
data class OkoMetrics(
    val map50: Double,
    val map: Double,
    val dataset: String?,
    val split: String?,
    val images: Long,
    val ofTheseWeights: Boolean,
)

/**
 * An open model. It is immutable, and any number of threads may use it. Detectors created from it
 * keep working after it is closed.
 */
class OkoModel private constructor(private var handle: Long) : AutoCloseable {
    private var users = 0
    private var closed = false
    val name: String
    /** The instruction set it runs on, such as "neon". */
    val target: String
    val classNames: List<String>
    val precision: OkoPrecision
    /** Of the network's input. */
    val width: Int
    val height: Int
    /** Bytes shared by all detectors, and per detector. */
    val weightBytes: Long
    val detectorBytes: Long
    /** Operations per image, a multiplication and an addition as 2. */
    val flop: Double
    /** Whether the packed weights came from the cache file. */
    val cacheHit: Boolean

    // What the file says of itself (docs/oko-file.md), null where it does not.

    /** Given by its author: "1.4.0". */
    val version: String?
    /** SHA-256 of network, weights and preprocessing: equal in files that find the same. */
    val hash: String?
    /** Of all content: equal in equal files. */
    val checksum: String?
    /** When, in seconds since 1970. */
    val trained: Long?
    val metrics: OkoMetrics?
    /** What the score of each class must exceed unless OkoThresholds says otherwise. */
    val classThresholds: List<Float>
    /** Whether they are the file's own, chosen on its validation images. */
    val ownThresholds: Boolean

    init {
        val texts = OkoNative.modelTexts(handle).map { it.toString(Charsets.UTF_8) }
        val said = texts.map { it.ifEmpty { null } }
        name = texts[0]
        target = texts[1]
        version = said[2]
        hash = said[3]
        checksum = said[4]
        classNames = texts.drop(TEXTS)
        val numbers = OkoNative.modelNumbers(handle)
        precision = OkoPrecision.entries[numbers[0].toInt()]
        width = numbers[1].toInt()
        height = numbers[2].toInt()
        weightBytes = numbers[3].toLong()
        detectorBytes = numbers[4].toLong()
        flop = numbers[5]
        cacheHit = numbers[6] != 0.0
        trained = numbers[7].toLong().takeIf { it != 0L }
        val images = numbers[10].toLong()
        metrics =
            if (images == 0L) null
            else OkoMetrics(numbers[8], numbers[9], said[5], said[6], images, numbers[11] != 0.0)
        ownThresholds = numbers[12] != 0.0
        classThresholds = numbers.drop(NUMBERS).map { it.toFloat() }
    }

    internal fun createDetector(threads: Int, tiles: Int): Long =
        withHandle { OkoNative.createDetector(it, threads, tiles) }

    // Not with a lock that is held during the call, so that close() never waits.
    private fun <R> withHandle(call: (Long) -> R): R {
        synchronized(this) {
            check(!closed) { "the model is closed" }
            ++users
        }
        try {
            return call(handle)
        } finally {
            synchronized(this) {
                --users
                free()
            }
        }
    }

    @Synchronized
    override fun close() {
        closed = true
        free()
    }

    private fun free() {
        if (!closed || users != 0) return
        OkoNative.closeModel(handle)
        handle = 0
    }

    companion object {
        private const val TEXTS = 7
        private const val NUMBERS = 13

        /** Calls with the handles of all, none of which is closed meanwhile. */
        internal fun <R> useAll(models: List<OkoModel>, call: (LongArray) -> R): R {
            val handles = LongArray(models.size)
            fun from(index: Int): R =
                if (index == models.size) call(handles)
                else
                    models[index].withHandle { handle ->
                        handles[index] = handle
                        from(index + 1)
                    }
            return from(0)
        }

        /** Memory-maps a file. */
        @JvmStatic
        @JvmOverloads
        fun open(file: File, options: OkoModelOptions = OkoModelOptions()): OkoModel {
            val o = options
            return OkoModel(
                OkoNative.openFile(
                    file.path.toByteArray(),
                    o.precision.ordinal,
                    o.width,
                    o.height,
                    o.target?.toByteArray(),
                    o.cacheFile?.path?.toByteArray(),
                    o.describeOnly,
                )
            )
        }

        /** Uses a direct buffer in place; it must not change while the model is in use. */
        @JvmStatic
        @JvmOverloads
        fun open(bytes: ByteBuffer, options: OkoModelOptions = OkoModelOptions()): OkoModel {
            val o = options
            return OkoModel(
                OkoNative.openBuffer(
                    bytes.slice(),
                    o.precision.ordinal,
                    o.width,
                    o.height,
                    o.target?.toByteArray(),
                    o.cacheFile?.path?.toByteArray(),
                    o.describeOnly,
                )
            )
        }

        /** Maps an asset, which must be uncompressed: androidResources { noCompress += "oko" }. */
        @JvmStatic
        @JvmOverloads
        fun openAsset(
            context: Context,
            name: String,
            options: OkoModelOptions = OkoModelOptions(),
        ): OkoModel = open(map(context, name), options)

        /**
         * Opens a sealed model, docs/sealed-models.md. An OkoException's status says why one is
         * refused; what [seal]'s own key or releases threw is its cause.
         */
        @JvmStatic
        @JvmOverloads
        fun openSealed(
            file: File,
            seal: OkoSealOptions,
            options: OkoModelOptions = OkoModelOptions(),
        ): OkoModel = openSealed(file.path.toByteArray(), null, seal, options)

        /** The same in a direct buffer, which is not needed afterwards. */
        @JvmStatic
        @JvmOverloads
        fun openSealed(
            bytes: ByteBuffer,
            seal: OkoSealOptions,
            options: OkoModelOptions = OkoModelOptions(),
        ): OkoModel = openSealed(null, bytes.slice(), seal, options)

        /** An uncompressed asset: androidResources { noCompress += "sealed" }. */
        @JvmStatic
        @JvmOverloads
        fun openSealedAsset(
            context: Context,
            name: String,
            seal: OkoSealOptions,
            options: OkoModelOptions = OkoModelOptions(),
        ): OkoModel = openSealed(map(context, name), seal, options)

        private fun openSealed(
            path: ByteArray?,
            bytes: ByteBuffer?,
            seal: OkoSealOptions,
            o: OkoModelOptions,
        ) =
            OkoModel(
                OkoNative.openSealed(
                    path,
                    bytes,
                    seal.signer.toByteArray(),
                    seal.identity,
                    seal.model?.toByteArray(),
                    seal.appVersion?.toByteArray(),
                    seal.now,
                    seal.key?.point,
                    seal.releases != null,
                    SealCalls(seal.key, seal.releases),
                    o.precision.ordinal,
                    o.width,
                    o.height,
                    o.target?.toByteArray(),
                    o.cacheFile?.path?.toByteArray(),
                    o.describeOnly,
                )
            )

        private fun map(context: Context, name: String): ByteBuffer =
            context.assets.openFd(name).use { asset ->
                FileInputStream(asset.fileDescriptor).use { stream ->
                    val mode = FileChannel.MapMode.READ_ONLY
                    stream.channel.map(mode, asset.startOffset, asset.declaredLength)
                }
            }
    }
}
