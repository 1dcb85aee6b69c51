package android.widget

import android.content.Context
import android.view.ViewGroup

class FrameLayout(context: Context) : ViewGroup(context)
