package dev.oko

import java.util.concurrent.Executor
import java.util.concurrent.Executors
import kotlin.coroutines.suspendCoroutine

/**
 * Opens a model, or a detector, in another thread: opening reads files and packs weights, which
 * takes too long for the app's main thread. Goes on in the caller's own dispatcher, and throws what
 * [open] throws:
 *
 *     val detector = okoOpen { OkoModel.openAsset(context, "model.oko").use { OkoDetector(it) } }
 *
 * It is not interrupted when the coroutine is cancelled, and what it opens would then be lost:
 * where that can be, call it in withContext(NonCancellable), and close the result if nobody wants
 * it.
 */
suspend fun <T : AutoCloseable> okoOpen(executor: Executor = OPENER, open: () -> T): T =
    suspendCoroutine { caller ->
        executor.execute { caller.resumeWith(runCatching(open)) }
    }

// One model at a time, by a thread that does not keep the process alive.
private val OPENER: Executor =
    Executors.newSingleThreadExecutor { Thread(it, "oko").apply { isDaemon = true } }
