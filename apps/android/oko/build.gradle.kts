import org.jetbrains.kotlin.gradle.dsl.JvmTarget
import org.jetbrains.kotlin.gradle.tasks.KotlinJvmCompile

plugins {
    id("com.android.library")
    `maven-publish`
}

// Version 9 of Android's plugin compiles Kotlin itself, and refuses this one.
if (extensions.findByName("kotlin") == null) apply(plugin = "org.jetbrains.kotlin.android")

// Not rootDir: the root is the app's where this is a module of an app.
val repository = projectDir.resolve("../../..").canonicalFile

fun versionPart(name: String): String =
    Regex("#define OKO_VERSION_$name (\\d+)")
        .find(repository.resolve("include/oko/oko.h").readText())!!
        .groupValues[1]

android {
    namespace = "dev.oko"
    compileSdk = 36
    ndkVersion = "28.2.13676358"

    defaultConfig {
        minSdk = 24
        consumerProguardFiles("consumer-rules.pro")
        ndk { abiFilters += listOf("arm64-v8a", "armeabi-v7a", "x86_64") }
        externalNativeBuild {
            cmake {
                targets += listOf("oko", "oko_jni")
                // Each library carries its own C++ library, hidden: only C crosses between them.
                arguments += listOf(
                    "-DANDROID_STL=c++_static",
                    "-DCMAKE_BUILD_TYPE=MinSizeRel",
                    "-DOKO_DESKTOP=OFF",
                    "-DOKO_TESTS=OFF",
                    "-DOKO_EXAMPLES=OFF",
                    // From scripts/phone_libraries.sh. Or -DOKO_SEAL=OFF: no sealed models.
                    "-DOKO_SODIUM_SOURCE=$repository/build/libsodium-1.0.18",
                    "-DCMAKE_PROJECT_INCLUDE=$repository/cmake/cross.cmake",
                )
            }
        }
    }

    externalNativeBuild { cmake { path = repository.resolve("CMakeLists.txt"); version = "3.25.0+" } }

    // For apps in C++: find_package(oko CONFIG) and oko::oko.
    buildFeatures { prefabPublishing = true }
    prefab { create("oko") { headers = "$repository/include" } }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
    publishing { singleVariant("release") { withSourcesJar() } }
}

tasks.withType<KotlinJvmCompile>().configureEach {
    compilerOptions.jvmTarget.set(JvmTarget.JVM_17)
}

dependencies {
    // For ImageProxy alone; apps that use it bring their own.
    compileOnly("androidx.camera:camera-core:1.5.1")
}

// gradle :oko:publishReleasePublicationToFolderRepository writes oko/build/maven.
publishing {
    publications {
        register<MavenPublication>("release") {
            groupId = "dev.oko"
            artifactId = "oko"
            version = listOf("MAJOR", "MINOR", "PATCH").joinToString(".") { versionPart(it) }
            pom {
                name = "oko"
                description = "Detects objects in camera frames with models of oko"
                licenses {
                    license {
                        name = "Apache-2.0"
                        url = "https://www.apache.org/licenses/LICENSE-2.0.txt"
                    }
                }
            }
            afterEvaluate { from(components["release"]) }
        }
    }
    repositories {
        maven {
            name = "folder"
            url = uri(layout.buildDirectory.dir("maven"))
        }
    }
}
