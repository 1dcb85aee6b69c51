#pragma once

#include <chrono>
#include <string>

#include "oko/runtime/c_api.h"
#include "oko/seal/fields.h"
#include "oko/seal/minisign.h"

// Arguments that sealed models and their updates have in common.
namespace oko::c_api {

inline seal::PublicKey public_key(const char* text, const char* place, const char* name) {
  require(text, place, name);
  try {
    return seal::PublicKey::read(text, name);
  } catch (const Error& error) {  // of the app, not of a file
    throw usage(place, std::string(name) + " " + error.message(), error.hint());
  }
}

// "" for NULL.
inline std::string app_version(const char* text, const char* place) {
  if (text == nullptr) return "";
  if (!seal::is_app_version(text)) {
    throw usage(place, "app_version is not one to four numbers with dots");
  }
  return text;
}

// The system's clock for 0.
inline std::int64_t time_or_now(std::int64_t seconds, const char* place) {
  if (seconds < 0) throw usage(place, "now is before 1970");
  if (seconds != 0) return seconds;
  return std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
}

}  // namespace oko::c_api
