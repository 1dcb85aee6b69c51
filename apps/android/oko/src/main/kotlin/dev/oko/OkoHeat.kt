package dev.oko

/** How hot the phone is, and so how much work it gets (docs/live.md). */
enum class OkoHeat {
    NOMINAL,
    /** At least as much rest as work. */
    FAIR,
    /** Three times as much, and the next smaller input. */
    SERIOUS,
    /** A frame a second, with the smallest input. */
    CRITICAL;

    companion object {
        /** Of a PowerManager.THERMAL_STATUS_…, as its listeners are told it. */
        @JvmStatic
        fun ofThermalStatus(status: Int): OkoHeat =
            when {
                status <= LIGHT -> NOMINAL
                status == MODERATE -> FAIR
                status == SEVERE -> SERIOUS
                else -> CRITICAL  // and EMERGENCY, SHUTDOWN
            }

        // PowerManager's, whose names are there from Android 10 (API 29) on.
        private const val LIGHT = 1
        private const val MODERATE = 2
        private const val SEVERE = 3
    }
}
