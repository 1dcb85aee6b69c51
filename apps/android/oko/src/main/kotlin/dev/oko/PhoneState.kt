package dev.oko

import android.content.ComponentCallbacks2
import android.content.Context
import android.content.res.Configuration
import android.os.Build
import android.os.PowerManager

/** Tells a live detector how hot the phone is, and when its memory is short. */
internal class PhoneState(context: Context, private val live: OkoLiveDetector) :
    ComponentCallbacks2, AutoCloseable {
    private val application = context.applicationContext
    private val heat =
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.Q) null
        else HeatListener(application.getSystemService(PowerManager::class.java), live)

    init {
        application.registerComponentCallbacks(this)
    }

    override fun close() {
        heat?.close()
        application.unregisterComponentCallbacks(this)
    }

    // That the app is not seen any more does not mean that memory is short.
    override fun onTrimMemory(level: Int) {
        if (level != ComponentCallbacks2.TRIM_MEMORY_UI_HIDDEN) trim()
    }

    @Deprecated("Deprecated in Android's API 35")
    override fun onLowMemory() = trim()

    override fun onConfigurationChanged(newConfig: Configuration) = Unit

    // Waits for the frame that is looked at, so not in the main thread, which is told.
    private fun trim() = Thread(live::trim, "oko-trim").start()
}

/** A class of its own: the listener's interface is there from Android 10 (API 29) on. */
@Suppress("NewApi")
private class HeatListener(private val power: PowerManager, live: OkoLiveDetector) : AutoCloseable {
    private val listener =
        PowerManager.OnThermalStatusChangedListener { live.setHeat(OkoHeat.ofThermalStatus(it)) }

    init {
        live.setHeat(OkoHeat.ofThermalStatus(power.currentThermalStatus))
        power.addThermalStatusListener(Runnable::run, listener)
    }

    override fun close() = power.removeThermalStatusListener(listener)
}
