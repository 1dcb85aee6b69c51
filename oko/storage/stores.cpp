// Which store serves which scheme. It stands above all of them.
#include <map>
#include <mutex>
#include <shared_mutex>

#include "oko/storage/gcs/gcs.h"
#include "oko/storage/http/client.h"
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
  if (scheme == "gs") return make_gcs_store();
  return scheme == "s3" ? make_s3_store() : make_local_store();
}

}  // namespace

Store& store_for(const Uri& uri) {
  Stores& all = stores();
  {
    const std::shared_lock lock(all.mutex);
    const auto found = all.by_scheme.find(uri.scheme());
    if (found != all.by_scheme.end()) return *found->second;
  }
  const std::unique_lock lock(all.mutex);
  std::unique_ptr<Store>& store = all.by_scheme[uri.scheme()];
  if (!store) store = make_store(uri.scheme());
  return *store;
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

void stop_requests(bool stop) { http::shared_client().stop(stop); }

void remove_empty_folders(const Uri& uri) {
  if (uri.is_local()) local::remove_empty_folders(uri.path());
}

}  // namespace oko::storage
