package dev.oko

import dev.oko.Reference.check
import java.io.File
import java.io.IOException
import java.nio.file.Files

private class UpdateKotlinTest(arguments: Array<String>) {
    private val key =
        object : OkoAgreementKey {
            private val key = SoftwareKey()
            override val point: ByteArray = key.point()

            override fun agree(sender: ByteArray): ByteArray = key.agree(sender)
        }
    private val models = SealedModels(arguments, key.recipient)
    private var cases = 0

    /** Folders as after the app was installed. */
    private inner class App {
        private val own = File(models.folder.toFile(), "app${++cases}")
        val folder = File(own, "models").apply { mkdirs() }
        val cache = File(own, "cache").apply { mkdirs() }
        val installed = File(folder, "cards.oko.sealed")

        fun options(
            root: String = models.root(),
            appVersion: String? = "2.4.1",
            releases: OkoReleases? = OkoFileReleases(File(own, "releases")),
            now: Long = 0,
        ) = OkoUpdateOptions(root, folder, models.signer(), appVersion, releases, now)

        /** The release of what is installed. */
        fun release(): Long {
            val releases = OkoFileReleases(File(own, "opened"))
            val seal =
                OkoSealOptions(models.signer(), key = key, model = "cards", releases = releases)
            OkoModel.openSealed(installed, seal).use { check(it.classNames.size == 2, "classes") }
            return releases.get("cards")
        }
    }

    private fun index(release: Int) = Files.readAllBytes(models.index(release))

    private fun file(release: Int) = models.release(release).toFile()

    private inline fun <reified E : Exception> thrown(what: () -> Unit): E {
        val thrown = runCatching(what).exceptionOrNull()
        return thrown as? E ?: throw AssertionError("$thrown", thrown)
    }

    private fun refused(status: Int, what: () -> Unit) {
        val e = thrown<OkoException>(what)
        check(e.status == status, "${e.status}: $e")
    }

    fun aNewerModelIsFoundInstalledAndOpened() {
        val app = App()
        val before = OkoUpdate.check(index(7), app.options()).use {
            val found = it.find("cards")
            it.install("cards", file(7))
            check(it.find("cards") == found.copy(installed = 7), "7 is installed")
            check(!it.find("cards").isNewer, "and not newer")
            found
        }
        val name = "cards-7.oko.sealed"
        val expected = OkoUpdateModel(7, 0, file(7).length(), name, app.installed)
        check(before == expected && before.isNewer, "$before")
        OkoUpdate.check(index(8), app.options()).use {
            check(it.find("cards").isNewer, "8 is newer than 7")
            it.install("cards", file(8))
        }
        check(app.release() == 8L, "8 is opened")
    }

    fun whatIsNotTheIndexsIsRefused() {
        val app = App()
        refused(OkoException.BAD_SIGNATURE) {
            OkoUpdate.check(index(8), app.options(root = models.otherSigner()))
        }
        refused(OkoException.EXPIRED) { OkoUpdate.check(index(8), app.options(now = 4102444801)) }
        refused(OkoException.BAD_MODEL) { OkoUpdate.check(index(8).copyOf(700), app.options()) }
        refused(OkoException.INVALID_ARGUMENT) { OkoUpdate.check(index(8), app.options("RW")) }
        check(app.folder.list()?.size == 0, "nothing of it is kept")

        OkoUpdate.check(index(8), app.options()).use {
            refused(OkoException.BAD_MODEL) { it.install("cards", models.damaged().toFile()) }
            refused(OkoException.BAD_MODEL) { it.install("cards", file(7)) }
            refused(OkoException.OTHER_MODEL) { it.find("coins") }
        }
        check(!app.installed.exists(), "nothing is installed")
        refused(OkoException.OLD_RELEASE) { OkoUpdate.check(index(7), app.options()) }
        // Also when the folder is emptied, by the store, and without one, by the folder.
        File(app.folder, "models.oko.index").delete()
        refused(OkoException.OLD_RELEASE) { OkoUpdate.check(index(7), app.options()) }
        val other = App()
        OkoUpdate.check(index(8), other.options(releases = null)).close()
        refused(OkoException.OLD_RELEASE) {
            OkoUpdate.check(index(7), other.options(releases = null))
        }
        OkoUpdate.check(index(8), other.options(appVersion = "2.3.9")).use {
            refused(OkoException.OLD_APP) { it.find("cards") }
        }
    }

    fun whatTheStoreThrowsIsTheCause() {
        val broken = object : OkoReleases {
            override fun get(model: String): Long = throw IOException("no store")

            override fun set(model: String, release: Long) = Unit
        }
        val e = thrown<OkoException> { OkoUpdate.check(index(8), App().options(releases = broken)) }
        check(e.status == OkoException.STORAGE && e.cause?.message == "no store", "$e: ${e.cause}")
    }

    fun aClosedUpdateIsNotUsed() {
        val update = OkoUpdate.check(index(8), App().options())
        update.close()
        update.close()
        thrown<IllegalStateException> { update.find("cards") }
        thrown<IllegalStateException> { update.install("cards", file(8)) }
    }

    private fun LoopbackServer.publish(release: Int) {
        files["models.oko.index"] = index(release)
        files["cards-$release.oko.sealed"] = file(release).readBytes()
    }

    fun aServersModelsAreFetchedOnce() = LoopbackServer().use { server ->
        val app = App()
        app.folder.delete()
        val updates = OkoUpdateServer(server.address() + "/", app.options(), app.cache)
        server.publish(7)
        check(updates.update("cards") == app.installed, "where the model is")
        check(app.release() == 7L, "7 is opened")
        updates.update("cards")
        check(server.asked.count { it == "cards-7.oko.sealed" } == 1, "${server.asked}")
        server.publish(8)
        server.missing = -1  // as servers that do not know the size
        updates.update("cards")
        check(app.release() == 8L, "8 is opened")
        check(app.cache.list()?.size == 0, "nothing is left in the cache")
    }

    fun whateverAServerSendsTheModelStays() = LoopbackServer().use { server ->
        val app = App()
        val updates = OkoUpdateServer(server.address(), app.options(), app.cache)
        server.publish(7)
        updates.update("cards")

        server.publish(8)
        val name = "cards-8.oko.sealed"
        val right = server.files[name]!!
        server.files[name] = models.damaged().toFile().readBytes()
        refused(OkoException.BAD_MODEL) { updates.update("cards") }
        server.files[name] = right + 0
        val long = thrown<IOException> { updates.update("cards") }
        check(long.message?.contains("more than ${right.size} bytes") == true, "$long")
        server.files[name] = right.copyOf(right.size - 1)
        val short = thrown<IOException> { updates.update("cards") }
        check(short.message?.contains("ended after ${right.size - 1} of") == true, "$short")
        server.missing = 1
        thrown<IOException> { updates.update("cards") }
        server.missing = 0
        server.files.remove(name)
        val none = thrown<IOException> { updates.update("cards") }
        check(none.message?.contains("$name: HTTP 404") == true, "$none")
        // 127.1 is this device too, but not one of the names that are accepted.
        server.moved[name] = server.address().replace("localhost", "127.1") + "/moved"
        server.files["moved"] = right
        val away = thrown<IOException> { updates.update("cards") }
        check(away.message?.contains("leads to") == true, "$away")
        check(app.release() == 7L && app.cache.list()?.size == 0, "7 is there, and no other file")

        server.publish(7)
        refused(OkoException.OLD_RELEASE) { updates.update("cards") }
        server.files["models.oko.index"] = ByteArray((1 shl 20) + 1)
        val endless = thrown<IOException> { updates.update("cards") }
        check(endless.message?.contains("more than 1048576 bytes") == true, "$endless")
        server.publish(8)
        server.moved[name] = "moved"
        updates.update("cards")
        check(app.release() == 8L, "8 is opened, from where it moved to")
        server.close()
        thrown<IOException> { updates.update("cards") }
    }

    fun onlyHttpsIsTrustedBeyondThisDevice() {
        val app = App()
        val others =
            listOf("http://models.example.com/v1", "http://localhost@example.com/", "file:/x")
        for (address in others) {
            val e =
                thrown<IllegalArgumentException> {
                    OkoUpdateServer(address, app.options(), app.cache)
                }
            check(e.message?.contains("https") == true, "$e")
        }
        OkoUpdateServer("https://models.example.com/v1", app.options(), app.cache)
    }

    fun end() = models.delete()
}

fun main(arguments: Array<String>) {
    with(UpdateKotlinTest(arguments)) {
        aNewerModelIsFoundInstalledAndOpened()
        whatIsNotTheIndexsIsRefused()
        whatTheStoreThrowsIsTheCause()
        aClosedUpdateIsNotUsed()
        aServersModelsAreFetchedOnce()
        whateverAServerSendsTheModelStays()
        onlyHttpsIsTrustedBeyondThisDevice()
        end()
    }
    println("all passed")
}
