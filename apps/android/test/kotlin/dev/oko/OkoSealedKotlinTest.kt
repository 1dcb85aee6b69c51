package dev.oko

import android.content.Context
import android.content.res.AssetManager
import android.os.Build
import dev.oko.Reference.check
import dev.oko.stubs.StandInKeystore
import java.io.File
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.nio.file.Path
import java.security.Security

/** A key of the test's own, which can be locked. */
private class LockableKey(private val key: SoftwareKey = SoftwareKey()) : OkoAgreementKey {
    var locked = false
    override val point: ByteArray = key.point()

    override fun agree(sender: ByteArray): ByteArray {
        if (locked) throw IllegalStateException("the key is locked")
        return key.agree(sender)
    }
}

private class SealedKotlinTest(arguments: Array<String>) {
    private val keystoreKey = OkoKeystoreKey.open()
    private val key = LockableKey()
    private val models =
        SealedModels(arguments, keystoreKey.recipient + "\n" + key.recipient)
    private val context =
        object : Context() {
            override fun getAssets() = AssetManager(models.folder.toFile())

            override fun getNoBackupFilesDir() = File(models.folder.toFile(), "no_backup")
        }

    private fun options(
        key: OkoAgreementKey? = keystoreKey,
        signer: String = models.signer(),
        identity: ByteArray? = null,
        model: String = "cards",
        appVersion: String = "2.4.1",
        releases: OkoReleases? = null,
        now: Long = 0,
    ) = OkoSealOptions(signer, identity, key, model, appVersion, releases, now)

    private fun boxes(model: OkoModel): List<OkoDetection> {
        val grey = ByteBuffer.allocateDirect(64 * 64)
        for (i in 0 until 64 * 64) grey.put(i, (i % 251).toByte())
        val frame = OkoFrame(OkoFormat.GREY, 64, 64, listOf(OkoPlane(grey, 64)))
        return model.use { OkoDetector(it) }.use { it.detect(frame, OkoThresholds(score = -1f)) }
    }

    fun theKeystoresKeyOpensModelsFromFilesBuffersAndAssets() {
        val expected = boxes(OkoModel.open(models.plain().toFile()))
        check(expected.isNotEmpty(), "boxes of the plain model")
        val file = models.release(8).toFile()
        val mapped = FileChannel.open(file.toPath()).use {
            it.map(FileChannel.MapMode.READ_ONLY, 0, it.size())
        }
        val all =
            listOf(
                OkoModel.openSealed(file, options()),
                OkoModel.openSealed(mapped, options()),
                OkoModel.openSealedAsset(context, file.name, options()),
                OkoModel.openSealed(file, options(key)),
                OkoModel.openSealed(file, options(null, identity = models.identity())),
            )
        for (model in all) {
            check(model.classNames == listOf("cat", "dog"), "class names")
            check(boxes(model) == expected, "the plain model's boxes")
        }
    }

    private fun refusal(
        seal: OkoSealOptions,
        path: Path = models.release(8),
        options: OkoModelOptions = OkoModelOptions(),
    ): OkoException {
        val opened = runCatching { OkoModel.openSealed(path.toFile(), seal, options).close() }
        return opened.exceptionOrNull() as? OkoException ?: throw AssertionError("it is opened")
    }

    private fun expect(status: Int, e: OkoException) = check(e.status == status, "${e.status}: $e")

    fun eachReasonToRefuseHasItsStatus() {
        expect(OkoException.OTHER_MODEL, refusal(options(model = "coins")))
        expect(OkoException.OLD_APP, refusal(options(appVersion = "2.3.9")))
        expect(OkoException.EXPIRED, refusal(options(now = 4102444801)))
        expect(OkoException.NO_KEY, refusal(options(LockableKey())))
        expect(OkoException.BAD_MODEL, refusal(options(), models.damaged()))
        expect(OkoException.BAD_MODEL, refusal(options(), models.plain()))
        expect(OkoException.INVALID_ARGUMENT, refusal(options(null)))
        val cached = OkoModelOptions(cacheFile = models.folder.resolve("packed").toFile())
        expect(OkoException.INVALID_ARGUMENT, refusal(options(), options = cached))
        expect(OkoException.BAD_SIGNATURE, refusal(options(signer = models.otherSigner())))
    }

    fun whatAKeyOrStoreThrowsIsTheCause() {
        key.locked = true
        val locked = refusal(options(key))
        expect(OkoException.NO_KEY, locked)
        check(locked.cause?.message == "the key is locked", "${locked.cause}")
        key.locked = false

        val short = object : OkoAgreementKey by key {
            override fun agree(sender: ByteArray) = ByteArray(31)
        }
        check(refusal(options(short)).cause?.message?.contains("31 bytes") == true, "31 bytes")

        val full = object : OkoReleases {
            override fun get(model: String) = 0L

            override fun set(model: String, release: Long): Unit = throw IOException("disk full")
        }
        val unstored = refusal(options(releases = full))
        expect(OkoException.STORAGE, unstored)
        check(unstored.cause is IOException, "${unstored.cause}")
    }

    fun olderReleasesAreNotOpened() {
        val releases = OkoFileReleases(context)
        check(releases.get("cards") == 0L, "nothing is stored yet")
        val seal = options(releases = releases)
        OkoModel.openSealed(models.release(7).toFile(), seal).close()
        check(releases.get("cards") == 7L, "7 is stored")
        OkoModel.openSealed(models.release(8).toFile(), seal).close()
        expect(OkoException.OLD_RELEASE, refusal(seal, models.release(7)))
        // As after a new start of the app.
        val again = options(releases = OkoFileReleases(context))
        expect(OkoException.OLD_RELEASE, refusal(again, models.release(7)))
        OkoModel.openSealed(models.release(8).toFile(), again).close()
        check(releases.get("coins") == 0L, "each model has a number of its own")

        val folder = File(context.noBackupFilesDir, "oko-releases")
        check(folder.list()?.toList() == listOf("cards.release"), "no other files are left")
        File(folder, "cards.release").writeText("")
        val broken = refusal(seal)
        expect(OkoException.STORAGE, broken)
        check(broken.cause is IOException, "${broken.cause}")
    }

    fun theKeystoresKeyIsMadeOnce() {
        val same = OkoKeystoreKey.open()
        check(same.point.contentEquals(keystoreKey.point), "the same key")
        check(same.point.size == 65 && same.point[0] == 4.toByte(), "an uncompressed point")
        check(same.recipient.startsWith("age1tag1"), same.recipient)
        check(!same.isInHardware, "without StrongBox it falls back, here to software")
        StandInKeystore.hasStrongBox = true
        val second = OkoKeystoreKey.open("second")
        check(second.isInHardware && !second.point.contentEquals(same.point), "another key")
        OkoKeystoreKey.delete("second")
        check(!OkoKeystoreKey.open("second").point.contentEquals(second.point), "a new one")
        repeat(300) {  // coordinates that begin with zeros
            OkoKeystoreKey.delete("second")
            check(OkoKeystoreKey.open("second").recipient.length == same.recipient.length, "sizes")
        }
        Build.VERSION.SDK_INT = 30
        val refused = runCatching { OkoKeystoreKey.open() }.exceptionOrNull()
        Build.VERSION.SDK_INT = 35
        check(refused is UnsupportedOperationException, "$refused")
        check(refused?.message?.contains("API 30") == true, "$refused")
    }

    fun end() = models.delete()
}

fun main(arguments: Array<String>) {
    Security.addProvider(StandInKeystore())
    with(SealedKotlinTest(arguments)) {
        theKeystoresKeyOpensModelsFromFilesBuffersAndAssets()
        eachReasonToRefuseHasItsStatus()
        whatAKeyOrStoreThrowsIsTheCause()
        olderReleasesAreNotOpened()
        theKeystoresKeyIsMadeOnce()
        end()
    }
    println("all passed")
}
