// The C API's updates of sealed models.
#include <map>
#include <mutex>

#include "oko/runtime/c_api_seal.h"
#include "oko/runtime/update.h"

using namespace oko::c_api;

struct oko_update {
  explicit oko_update(oko::runtime::Update checked) : update(std::move(checked)) {}

  oko::runtime::Update update;
  // Texts that oko_update_find() has given out, of each model.
  struct Texts {
    std::string file, path;
  };
  mutable std::mutex mutex;
  mutable std::map<std::string, Texts> texts;
};

namespace {

oko_update_options checked(const oko_update_options* given) {
  require(given, "oko_update_check", "options");
  const oko_update_options o = known(given, "oko_update_options");
  require(o.folder, "oko_update_options", "folder");
  if (*o.folder == '\0') throw usage("oko_update_options", "folder is empty");
  return o;
}

}  // namespace

extern "C" {

oko_status oko_update_check(const void* index, size_t size, const oko_update_options* options,
                            oko_update** out) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_update_options";
    require(index, "oko_update_check", "index");
    require(out, "oko_update_check", "out");
    const oko_update_options o = checked(options);
    const auto root = public_key(o.root, kPlace, "root");
    const oko::runtime::Releases releases(o.releases, kPlace);
    oko::runtime::UpdateOptions how{o.folder, app_version(o.app_version, kPlace),
                                    time_or_now(o.now, kPlace)};
    if (o.signer != nullptr) how.signer = public_key(o.signer, kPlace, "signer");
    *out = new oko_update(oko::runtime::Update(
        std::span(static_cast<const std::byte*>(index), size), root, how, releases));
  });
}

void oko_update_close(oko_update* update) { delete update; }

oko_status oko_update_find(const oko_update* update, const char* model, oko_update_model* info) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_update_find";
    require(update, kPlace, "update");
    require(model, kPlace, "model");
    const auto& offer = update->update.offer(model);
    oko_update_model all{};
    all.release = offer.release;
    all.installed = update->update.installed(model);
    all.size = offer.size;
    {
      const std::lock_guard lock(update->mutex);
      const auto [texts, is_new] = update->texts.try_emplace(model);
      if (is_new) texts->second = {oko::seal::file_name_of(offer), update->update.path(model)};
      all.file = texts->second.file.c_str();
      all.path = texts->second.path.c_str();
    }
    give(all, info, kPlace);
  });
}

oko_status oko_update_install(const oko_update* update, const char* model, const char* fetched) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_update_install";
    require(update, kPlace, "update");
    require(model, kPlace, "model");
    require(fetched, kPlace, "fetched");
    update->update.install(model, fetched);
  });
}

}  // extern "C"
