// What the engine asks of the app while it opens a model or checks an index: OkoCalls.java.
#pragma once

#include <optional>

#include "support.h"

namespace oko::jni {

// The engine calls back in the thread that called it, so `env` is right. No Java exception may be
// pending when the engine goes on, and none is lost: the first one is kept, to be the cause of what
// the engine then reports.
class Calls {
 public:
  Calls(JNIEnv* env, jobject object);

  // Otherwise a Java exception is pending.
  bool found() const { return store_ != nullptr; }
  // Null if nothing was thrown.
  jthrowable thrown() const { return thrown_; }

  std::optional<P256Secret> agree(const P256Point& sender);
  // Valid as long as this object.
  oko_releases releases();

 private:
  bool release(const char* model, std::uint64_t* release);
  bool store(const char* model, std::uint64_t release);
  bool failed();

  JNIEnv* env_;
  jobject object_;
  jmethodID agree_ = nullptr, release_ = nullptr, store_ = nullptr;
  jthrowable thrown_ = nullptr;
};

}  // namespace oko::jni
