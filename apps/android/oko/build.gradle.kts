plugins {
    id("com.android.library")
    id("org.jetbrains.kotlin.android")
}

val repository = rootDir.resolve("../..").canonicalFile

android {
    namespace = "dev.oko"
    compileSdk = 35
    ndkVersion = "27.2.12479018"

    defaultConfig {
        minSdk = 24
        consumerProguardFiles("consumer-rules.pro")
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
        externalNativeBuild {
            cmake {
                targets += listOf("oko_phone", "oko_jni")
                // Each library carries its own C++ library, hidden: only C crosses between them.
                arguments += listOf(
                    "-DANDROID_STL=c++_static",
                    "-DANDROID_SUPPORT_FLEXIBLE_PAGE_SIZES=ON",
                    "-DCMAKE_BUILD_TYPE=MinSizeRel",
                    "-DOKO_DESKTOP=OFF",
                    "-DOKO_TESTS=OFF",
                    "-DOKO_EXAMPLES=OFF",
                    // From scripts/libsodium.sh. Without sealed models: -DOKO_SEAL=OFF instead.
                    "-DOKO_SODIUM_SOURCE=$repository/build/libsodium-1.0.18",
                    "-DCMAKE_PROJECT_INCLUDE=$repository/cmake/cross.cmake",
                    "-DOKO_HOST_PREFIX=${providers.gradleProperty("oko.host").get()}",
                )
            }
        }
    }

    externalNativeBuild { cmake { path = repository.resolve("CMakeLists.txt"); version = "3.25.0+" } }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
    kotlinOptions { jvmTarget = "17" }
}

dependencies {
    // For ImageProxy alone; apps that use it bring their own.
    compileOnly("androidx.camera:camera-core:1.4.1")
}
