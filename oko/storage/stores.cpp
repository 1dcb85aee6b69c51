// Which store serves which scheme. It stands above all of them.
#include <map>
#include <mutex>
#include <shared_mutex>

#include "oko/base/error.h"
#include "oko/storage/gcs/gcs.h"
#include "oko/storage/local/file.h"
#include "oko/storage/local/local.h"
#include "oko/storage/s3/s3.h"
#include "oko/storage/store.h"

namespace oko::storage {

namespace {

struct Stores {
  std::shared_mutex mutex;
  std::map<std::string, std::unique_ptr<Store>, std::less<>> by_scheme;
};

Stores& stores() {
  static Stores all;
  return all;
}

std::unique_ptr<Store> make_store(std::string_view scheme) {
  if (scheme == "file") return make_local_store();
  if (scheme == "gs") return make_gcs_store();
  if (scheme == "s3") return make_s3_store();
  return nullptr;
}

}  // namespace

Store& store_for(std::string_view uri) {
  Stores& all = stores();
  const std::string name = scheme(uri);
  {
    const std::shared_lock lock(all.mutex);
    const auto found = all.by_scheme.find(name);
    if (found != all.by_scheme.end()) return *found->second;
  }
  const std::unique_lock lock(all.mutex);
  std::unique_ptr<Store>& store = all.by_scheme[name];
  if (!store) store = make_store(name);
  if (store) return *store;
  all.by_scheme.erase(name);
  throw Error(ErrorCode::kUsage, std::string(uri), "no store for \"" + name + "://\"",
              "use a path, file://, gs:// or s3://");
}

void use_store(std::string_view scheme, std::unique_ptr<Store> store) {
  Stores& all = stores();
  const std::unique_lock lock(all.mutex);
  if (store) {
    all.by_scheme[std::string(scheme)] = std::move(store);
  } else if (const auto found = all.by_scheme.find(scheme); found != all.by_scheme.end()) {
    all.by_scheme.erase(found);
  }
}

void remove_empty_folders(const std::string& uri) {
  if (scheme(uri) == "file") local::remove_empty_folders(local::path_of(uri));
}

}  // namespace oko::storage
