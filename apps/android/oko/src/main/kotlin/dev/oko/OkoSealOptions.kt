package dev.oko

import java.io.IOException

/**
 * What an app demands of a sealed model, docs/sealed-models.md, and how it opens it: [identity],
 * [key], or both.
 *
 * [signer] is the public key that the model must be signed with, "RW…". [identity] is the secret
 * key "AGE-SECRET-KEY-1…" as bytes, which you can overwrite when the model is open: a String cannot
 * be. [model] is the model's id, null for any that is signed. [appVersion] is this app's, such as
 * BuildConfig.VERSION_NAME, one to four numbers with dots; null is not compared. [releases] keeps
 * older releases from being opened; null opens them too. [now] is in seconds since 1970; 0 is the
 * phone's own clock, which its user can set.
 */
class OkoSealOptions
@JvmOverloads
constructor(
    val signer: String,
    val identity: ByteArray? = null,
    val key: OkoAgreementKey? = null,
    val model: String? = null,
    val appVersion: String? = null,
    val releases: OkoReleases? = null,
    val now: Long = 0,
)

/** A P-256 key that opens sealed models without leaving where it is: see [OkoKeystoreKey]. */
interface OkoAgreementKey {
    /** The public key: an uncompressed point, 65 bytes. */
    val point: ByteArray

    /**
     * ECDH: the 32 bytes of the shared secret (the coordinate x) with [sender], an uncompressed
     * point. The caller overwrites them.
     */
    fun agree(sender: ByteArray): ByteArray

    /** For whom to seal a model that this key opens: "age1tag1…", for oko seal --to. */
    val recipient: String
        get() = OkoNative.p256Recipient(point).decodeToString()
}

/**
 * Where an app remembers the highest release of each model that it has opened, and the last index
 * of updates, as "@root." and "@index." with a key's id: see [OkoFileReleases]. What a method throws keeps the model
 * from being opened, and the index from being accepted.
 */
interface OkoReleases {
    /** 0 if there is none. */
    @Throws(IOException::class) fun get(model: String): Long

    /** Returns once [release] is stored. Called by one thread at a time. */
    @Throws(IOException::class) fun set(model: String, release: Long)
}

internal class SealCalls(private val key: OkoAgreementKey?, private val releases: OkoReleases?) :
    OkoCalls {
    override fun agree(sender: ByteArray): ByteArray {
        val secret = key!!.agree(sender)
        if (secret.size != SECRET) {
            secret.fill(0)
            error("the key agreed on ${secret.size} bytes, not on $SECRET")
        }
        return secret
    }

    override fun release(model: ByteArray): Long {
        val release = releases!!.get(model.decodeToString())
        check(release >= 0) { "the stored release is $release" }
        return release
    }

    override fun storeRelease(model: ByteArray, release: Long) =
        releases!!.set(model.decodeToString(), release)

    private companion object {
        const val SECRET = 32
    }
}
