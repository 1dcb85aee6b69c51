package android.content.res

class DisplayMetrics {
    @JvmField val density = 1f
}

class Resources {
    val displayMetrics = DisplayMetrics()
}
