#include "oko/runtime/releases.h"

#include <mutex>

#include "oko/base/error.h"

namespace oko::runtime {

Releases::Releases(const oko_releases& app, const char* place) : app_(app) {
  if ((app.get == nullptr) != (app.set == nullptr)) {
    throw Error(ErrorCode::kUsage, place, "only one of the two functions of releases is set");
  }
}

std::uint64_t Releases::highest(const std::string& name) const {
  std::uint64_t release = 0;
  if (app_.get != nullptr && app_.get(app_.context, name.c_str(), &release) != 1) {
    throw Error(ErrorCode::kStorage, name, "the app could not tell which release it has accepted");
  }
  return release;
}

void Releases::raise(const std::string& name, std::uint64_t number) const {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  if (app_.set == nullptr || highest(name) >= number) return;
  if (app_.set(app_.context, name.c_str(), number) != 1) {
    throw Error(ErrorCode::kStorage, name, "the app could not store the release that it accepted");
  }
}

}  // namespace oko::runtime
