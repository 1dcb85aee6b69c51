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
)

/**
 * An open model. It is immutable, and any number of threads may use it. Detectors created from it
 * keep working after it is closed.
 */
class OkoModel private constructor(private var handle: Long) : AutoCloseable {
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
    /** Whether the packed weights came from the cache file. */
    val cacheHit: Boolean

    init {
        val texts = OkoNative.modelTexts(handle).map { it.toString(Charsets.UTF_8) }
        name = texts[0]
        target = texts[1]
        classNames = texts.drop(2)
        val numbers = OkoNative.modelNumbers(handle)
        precision = OkoPrecision.entries[numbers[0].toInt()]
        width = numbers[1].toInt()
        height = numbers[2].toInt()
        weightBytes = numbers[3]
        detectorBytes = numbers[4]
        cacheHit = numbers[5] != 0L
    }

    @Synchronized
    internal fun createDetector(threads: Int, tiles: Int): Long {
        check(handle != 0L) { "the model is closed" }
        return OkoNative.createDetector(handle, threads, tiles)
    }

    @Synchronized
    override fun close() {
        OkoNative.closeModel(handle)
        handle = 0
    }

    companion object {
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
