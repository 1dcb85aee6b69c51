plugins {
    id("com.android.application")
    id("org.jetbrains.kotlin.android")
}

android {
    namespace = "dev.oko.example"
    compileSdk = 35

    defaultConfig {
        applicationId = "dev.oko.example"
        minSdk = 24
        targetSdk = 35
        versionCode = 1
        versionName = "1"
    }

    // Models are memory-mapped in place in the package.
    androidResources { noCompress += "oko" }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
    kotlinOptions { jvmTarget = "17" }
}

dependencies {
    implementation(project(":oko"))
    implementation("androidx.activity:activity-ktx:1.9.3")
    implementation("androidx.camera:camera-camera2:1.4.1")
    implementation("androidx.camera:camera-lifecycle:1.4.1")
    implementation("androidx.camera:camera-view:1.4.1")
}
