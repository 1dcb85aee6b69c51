pluginManagement {
    val okoAgp: String by settings
    val okoKotlin: String by settings
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
    plugins {
        id("com.android.library") version okoAgp
        id("com.android.application") version okoAgp
        id("org.jetbrains.kotlin.android") version okoKotlin
        id("org.jetbrains.kotlin.plugin.compose") version okoKotlin
    }
}

dependencyResolutionManagement {
    repositories {
        google()
        mavenCentral()
    }
}

rootProject.name = "oko-android"
include(":oko", ":example")
