#pragma once

#include <oko/oko.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/base/error.h"
#include "oko/runtime/model.h"

// What the files of the C API share: handles, errors as codes, structs of older callers.

struct oko_model {
  std::shared_ptr<const oko::runtime::Model> model;
  std::vector<std::string> class_names;
  bool cache_hit = false;
};

namespace oko::c_api {

// Keeps the text for oko_last_error(). Nothing may be thrown across the C boundary, even while
// building error texts.
oko_status fail(oko_status status, const char* what) noexcept;
// Of the exception that is being handled.
oko_status fail_with_current() noexcept;

template <typename Body>
oko_status guarded(const Body& body) noexcept {
  try {
    body();
    return OKO_OK;
  } catch (...) {
    return fail_with_current();
  }
}

inline Error usage(const char* place, std::string message, std::string hint = {}) {
  return {ErrorCode::kUsage, place, std::move(message), std::move(hint)};
}

inline void require(const void* pointer, const char* place, const char* name) {
  if (pointer == nullptr) throw usage(place, std::string(name) + " is null");
}

// A caller's struct in this library's layout: fields missing in an older caller's are zero.
template <typename T>
T known(const T* given, const char* place) {
  T all{};
  if (given == nullptr) return all;
  if (given->struct_size < sizeof(given->struct_size)) {
    throw usage(place, "struct_size is not set", "set it to sizeof the struct");
  }
  // A struct of any version ends where a pointer may start.
  if (given->struct_size % alignof(T) != 0) {
    throw usage(place,
                "struct_size " + std::to_string(given->struct_size) + " is not that of the struct",
                "set it to sizeof the struct");
  }
  std::memcpy(&all, given, std::min(given->struct_size, sizeof(T)));
  return all;
}

// Fills as much of the caller's struct as exists there.
template <typename T>
void give(T all, T* to, const char* place) {
  require(to, place, "the struct to fill");
  if (to->struct_size < sizeof(to->struct_size)) {
    throw usage(place, "struct_size is not set", "set it to sizeof the struct");
  }
  all.struct_size = to->struct_size;
  std::memcpy(to, &all, std::min(to->struct_size, sizeof(T)));
}

enum class Secrecy { kNone, kSealed };

// Opens the bytes of an .oko file. What is sealed is packed in locked memory, and `bytes`, which
// must be writable and nobody else's, are overwritten.
std::unique_ptr<oko_model> open_model(const Bytes& bytes, const std::string& name,
                                      const oko_model_options* given, const char* place,
                                      Secrecy secrecy);

}  // namespace oko::c_api
