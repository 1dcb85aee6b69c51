package dev.oko

/**
 * Remembers how the frames that are waiting or being looked at lie on the screen: the engine
 * returns the time of a frame only. Used by the camera's thread and the one that detects.
 */
internal class SubmittedFrames {
    private class Submitted(val seconds: Double, val frame: OkoFrame)

    private val frames = ArrayDeque<Submitted>()

    /** Remembers a frame, then submits it: its result may come before this returns. */
    fun submit(frame: OkoFrame, seconds: Double, submit: () -> OkoTaken): OkoTaken {
        val submitted = Submitted(seconds, frame.copy(planes = emptyList()))
        synchronized(frames) { frames.addLast(submitted) }
        var taken = OkoTaken.SKIPPED_STOP
        try {
            taken = submit()
        } finally {
            synchronized(frames) { settle(taken, submitted) }
        }
        return taken
    }

    private fun settle(taken: OkoTaken, submitted: Submitted) {
        when (taken) {
            OkoTaken.TAKEN -> Unit
            // Where it has been looked at already, those before are forgotten, too.
            OkoTaken.TAKEN_NEWER -> {
                val at = frames.indexOf(submitted)
                if (at > 0) frames.removeAt(at - 1)
            }
            else -> frames.remove(submitted)
        }
    }

    /** The frame of this time, which is not asked for again. */
    fun lookedAt(seconds: Double): OkoFrame =
        synchronized(frames) {
            var first = frames.removeFirst()
            while (first.seconds < seconds) first = frames.removeFirst()
            first.frame
        }
}
