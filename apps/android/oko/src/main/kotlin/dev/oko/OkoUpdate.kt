package dev.oko

import java.io.File

/**
 * What an app demands of an index of updates, docs/updates.md.
 *
 * [root] is the public root key that the app trusts, "RW…". [folder] is an existing one of the
 * app's own, for what is installed and for the last index that was accepted. [signer] is the public
 * key that models must be signed with, as in [OkoSealOptions]; null: whoever signs the index could
 * replace a model by one that the app cannot open. [appVersion] is this
 * app's, such as BuildConfig.VERSION_NAME: releases that need a newer one are not offered; null is
 * not compared. [releases] remembers the last index where clearing [folder] does not make the app
 * forget it; give the one that models are opened with. [now] is in seconds since 1970; 0 is the
 * phone's own clock, which its user can set.
 */
class OkoUpdateOptions
@JvmOverloads
constructor(
    val root: String,
    val folder: File,
    val signer: String? = null,
    val appVersion: String? = null,
    val releases: OkoReleases? = null,
    val now: Long = 0,
)

/**
 * What an index has for this app of one model: [release], which is the file [file] of [size] bytes
 * beside the index; and [installed], the release of the file at [path], 0 if there is none.
 */
data class OkoUpdateModel(
    val release: Long,
    val installed: Long,
    val size: Long,
    val file: String,
    val path: File,
) {
    /** Whether it is worth fetching. */
    val isNewer: Boolean
        get() = release > installed
}

/**
 * An index of updates that was checked. [OkoUpdateServer] does all of it, from fetching the index
 * on; use this class where the app fetches in its own way.
 */
class OkoUpdate private constructor(private var handle: Long) : AutoCloseable {
    /**
     * An OkoException's status is OTHER_MODEL if the index has no such model, OLD_APP if all its
     * releases need a newer app.
     */
    @Synchronized
    fun find(model: String): OkoUpdateModel {
        val numbers = LongArray(3)
        val texts = OkoNative.findUpdate(open(), model.toByteArray(), numbers)
        val (release, installed, size) = numbers
        val (file, path) = texts.map { it.decodeToString() }
        return OkoUpdateModel(release, installed, size, file, File(path))
    }

    /**
     * Copies the file [fetched], which is not needed afterwards, to the model's path: whole or not
     * at all, and only if it is exactly what the index describes, BAD_MODEL otherwise.
     */
    @Synchronized
    fun install(model: String, fetched: File) =
        OkoNative.installUpdate(open(), model.toByteArray(), fetched.path.toByteArray())

    @Synchronized
    override fun close() {
        OkoNative.closeUpdate(handle)
        handle = 0
    }

    private fun open(): Long {
        check(handle != 0L) { "the update is closed" }
        return handle
    }

    companion object {
        /**
         * Checks an index, the content of models.oko.index. An OkoException's status says why one
         * is refused, and the app goes on with the model it has; what [options]' own releases threw
         * is its cause. One that is accepted is kept in the folder, and older ones are refused from
         * then on.
         */
        @JvmStatic
        fun check(index: ByteArray, options: OkoUpdateOptions): OkoUpdate {
            val o = options
            return OkoUpdate(
                OkoNative.checkUpdate(
                    index,
                    o.root.toByteArray(),
                    o.folder.path.toByteArray(),
                    o.signer?.toByteArray(),
                    o.appVersion?.toByteArray(),
                    o.now,
                    o.releases != null,
                    SealCalls(null, o.releases),
                )
            )
        }
    }
}
