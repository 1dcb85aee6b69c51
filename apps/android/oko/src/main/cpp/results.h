// What was found in a frame, as OkoNative.java has it: one array of numbers. Doubles hold all of
// them exactly: ids count from 1.
#pragma once

#include <oko/live.hpp>

#include "support.h"

namespace oko::jni {

inline void append(std::vector<jdouble>& to, const Detection& d) {
  to.insert(to.end(),
            {static_cast<jdouble>(d.class_id), d.score, d.left, d.top, d.right, d.bottom});
}

inline void append(std::vector<jdouble>& to, const Object& o) {
  to.insert(to.end(), {static_cast<jdouble>(o.id), static_cast<jdouble>(o.class_id),
                       static_cast<jdouble>(o.state), o.score, o.left, o.top, o.right, o.bottom,
                       o.velocity_x, o.velocity_y, o.age, o.hidden});
}

inline void append(std::vector<jdouble>& to, const Event& e) {
  to.insert(to.end(), {static_cast<jdouble>(e.kind), static_cast<jdouble>(e.class_id),
                       static_cast<jdouble>(e.object), static_cast<jdouble>(e.counter)});
}

inline void append(std::vector<jdouble>& to, const Counts& c) {
  to.insert(to.end(), {static_cast<jdouble>(c.in), static_cast<jdouble>(c.out),
                       static_cast<jdouble>(c.inside)});
}

// False where there is an error: a Java exception is pending then.
template <typename T>
bool append_all(JNIEnv* env, std::vector<jdouble>& to, const Result<std::span<const T>>& found) {
  if (!found) {
    raise(env, found.error());
    return false;
  }
  for (const T& one : *found) append(to, one);
  return true;
}

}  // namespace oko::jni
