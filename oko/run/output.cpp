#include "oko/run/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/storage/store.h"

namespace oko::run {
namespace {

namespace fs = std::filesystem;

// The path itself, or the nearest folder above it that exists.
fs::path existing(fs::path path) {
  std::error_code error;
  while (!fs::exists(path, error) && path.has_parent_path() && path != path.parent_path()) {
    path = path.parent_path();
  }
  return path;
}

fs::path absolute_path(const std::string& uri) {
  std::error_code error;
  const fs::path path = storage::Uri(uri).path();
  const fs::path absolute = fs::absolute(path, error);
  return error ? path : absolute;
}

}  // namespace

void check_output(const std::string& uri) {
  const auto there = storage::stat(uri);
  if (there && there->is_folder) {
    throw Error(ErrorCode::kUsage, uri, "is a folder, so no file can be written there",
                "choose another name");
  }
  if (!storage::is_local(uri)) return;
  const fs::path folder = existing(absolute_path(uri).parent_path());
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    throw Error(ErrorCode::kStorage, uri, folder.string() + " is not a folder",
                "choose another name");
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    throw Error(ErrorCode::kStorage, uri, "the folder " + folder.string() + " is not writable",
                "choose another folder, or change its permissions");
  }
}

void check_room(const std::string& folder, std::uint64_t bytes) {
  if (!storage::is_local(folder)) return;
  std::error_code error;
  const fs::space_info space = fs::space(existing(absolute_path(folder)), error);
  if (error || space.available >= bytes) return;
  throw Error(ErrorCode::kStorage, folder,
              fmt::format("needs about {} MB, but the disk has {} MB free", (bytes >> 20) + 1,
                          space.available >> 20),
              "free some space, or choose a folder on another disk");
}

bool is_utf8(std::string_view text) {
  try {
    static_cast<void>(Json(text).dump());
    return true;
  } catch (const Json::exception&) {
    return false;
  }
}

std::string valid_utf8(std::string_view text) {
  // Uses the JSON writer's own replacement, then strips the quotes.
  const std::string quoted = Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  return Json::parse(quoted).get<std::string>();
}

}  // namespace oko::run
