package androidx.compose.runtime

import kotlin.reflect.KProperty

annotation class Composable

class CompositionLocal<T>(val current: T)

interface MutableState<T> {
    var value: T
}

operator fun <T> MutableState<T>.getValue(owner: Any?, property: KProperty<*>): T = value

operator fun <T> MutableState<T>.setValue(owner: Any?, property: KProperty<*>, value: T) {
    this.value = value
}

fun <T> mutableStateOf(value: T): MutableState<T> =
    object : MutableState<T> {
        override var value = value
    }

fun <T> remember(calculation: () -> T): T = calculation()

interface DisposableEffectResult

class DisposableEffectScope {
    fun onDispose(effect: () -> Unit) = object : DisposableEffectResult {}
}

fun DisposableEffect(
    key1: Any?,
    key2: Any?,
    effect: DisposableEffectScope.() -> DisposableEffectResult,
) = Unit
