// Frames as OkoNative.java passes them.
#pragma once

#include <array>
#include <optional>

#include "support.h"

namespace oko::jni {

// `numbers` and `buffers` are those of OkoNative.detect(). Nothing where they do not fit together:
// a Java exception is pending then.
std::optional<Frame> frame_of(JNIEnv* env, jintArray numbers,
                              const std::array<jobject, 3>& buffers);

}  // namespace oko::jni
