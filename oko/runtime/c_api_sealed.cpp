// The C API's sealed models.
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oko/runtime/c_api.h"
#include "oko/runtime/file.h"
#include "oko/seal/refused.h"
#include "oko/seal/sealed_model.h"
#include "oko/seal/x25519.h"

using oko::Bytes;
using oko::Error;
using oko::ErrorCode;
using oko::Locked;
using namespace oko::c_api;
namespace seal = oko::seal;

namespace {

std::optional<seal::FileKey> unwrap_by_app(const oko_seal_options& o, const seal::Stanza& stanza) {
  std::vector<const char*> arguments;
  for (const std::string& argument : stanza.arguments) arguments.push_back(argument.c_str());
  oko_stanza given{};
  given.struct_size = sizeof given;
  given.type = stanza.type.c_str();
  given.arguments = arguments.data();
  given.argument_count = arguments.size();
  given.body = seal::octets(stanza.body);
  given.body_size = stanza.body.size();
  seal::FileKey key;
  if (o.unwrap(o.unwrap_context, &given, key.data()) != 1) return std::nullopt;
  return key;
}

std::vector<seal::Unwrap> keys_of(const oko_seal_options& o) {
  std::vector<seal::Unwrap> keys;
  if (o.identity != nullptr) {
    std::string_view text = o.identity;
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
    auto identity = seal::X25519Identity::read(text);
    if (!identity) {
      throw usage("oko_seal_options", "identity is not a secret key of age's",
                  "it starts with AGE-SECRET-KEY-1");
    }
    const auto shared = std::make_shared<const seal::X25519Identity>(*std::move(identity));
    keys.emplace_back([shared](const seal::Stanza& stanza) { return shared->unwrap(stanza); });
  }
  if (o.unwrap != nullptr) {
    keys.emplace_back([&o](const seal::Stanza& stanza) { return unwrap_by_app(o, stanza); });
  }
  if (keys.empty()) throw usage("oko_seal_options", "identity and unwrap are both null");
  return keys;
}

// The highest one that the app has opened.
std::uint64_t release_of(const oko_seal_options& o, const std::string& model) {
  std::uint64_t release = 0;
  if (o.releases.get != nullptr &&
      o.releases.get(o.releases.context, model.c_str(), &release) != 1) {
    throw Error(ErrorCode::kStorage, model, "the app could not tell which release it has opened");
  }
  return release;
}

// Two threads that open two releases must not leave the lower one stored.
void store_release(const oko_seal_options& o, const seal::Manifest& manifest) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  if (o.releases.set == nullptr || release_of(o, manifest.model) >= manifest.release) return;
  if (o.releases.set(o.releases.context, manifest.model.c_str(), manifest.release) != 1) {
    throw Error(ErrorCode::kStorage, manifest.model,
                "the app could not store the release that it opened");
  }
}

seal::Demands demands_of(const oko_seal_options& o, const std::string& model) {
  seal::Demands demands;
  if (o.model != nullptr) demands.model = o.model;
  if (o.app_version != nullptr) {
    demands.app_version = o.app_version;
    if (!seal::is_app_version(demands.app_version)) {
      throw usage("oko_seal_options", "app_version is not one to four numbers with dots");
    }
  }
  demands.now =
      o.now != 0 ? o.now : std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  demands.release = release_of(o, model);
  return demands;
}

oko_seal_options checked(const oko_seal_options* given) {
  require(given, "oko_seal_options", "seal");
  const oko_seal_options o = known(given, "oko_seal_options");
  require(o.signer, "oko_seal_options", "signer");
  if (o.now < 0) throw usage("oko_seal_options", "now is before 1970");
  if ((o.releases.get == nullptr) != (o.releases.set == nullptr)) {
    throw usage("oko_seal_options", "only one of the two functions of releases is set");
  }
  return o;
}

seal::PublicKey signer_of(const oko_seal_options& o) {
  try {
    return seal::PublicKey::read(o.signer, "oko_seal_options: signer");
  } catch (const Error& error) {  // of the app, not of the file
    throw usage("oko_seal_options", "signer " + error.message(), error.hint());
  }
}

std::unique_ptr<oko_model> open(const seal::Source& file, const std::string& name,
                                const oko_seal_options* given, const oko_model_options* options,
                                const char* place) {
  const oko_seal_options o = checked(given);
  const std::vector<seal::Unwrap> keys = keys_of(o);
  seal::start_sodium();
  const seal::PublicKey signer = signer_of(o);
  if (known(options, place).cache_path != nullptr) {
    throw usage(place, "cache_path would write a sealed model's weights to a file",
                "leave it NULL");
  }
  const seal::SealedModel sealed = seal::read_sealed(file, name);
  const seal::Manifest manifest = seal::verified_manifest(sealed, signer, name);
  seal::check_demands(manifest, demands_of(o, manifest.model), name);
  if (manifest.content != "oko") {
    throw oko::input_error(name, "the model inside is not an .oko file but " + manifest.content);
  }
  const Bytes content = Locked::share(seal::open_sealed(sealed, manifest, keys, name));
  std::unique_ptr<oko_model> model = open_model(content, name, options, place, Secrecy::kSealed);
  store_release(o, manifest);
  return model;
}

// Whatever comes of it, registers and arrays that held keys and weights are not left on the stack.
template <typename Body>
oko_status guarded_and_wiped(const Body& body) noexcept {
  const oko_status status = guarded(body);
  oko::wipe_stack();
  return status;
}

}  // namespace

extern "C" {

oko_status oko_model_open_sealed(const void* data, size_t size,
                                 const oko_seal_options* seal_options,
                                 const oko_model_options* options, oko_model** out) {
  return guarded_and_wiped([&] {
    constexpr const char* kPlace = "oko_model_open_sealed";
    require(data, kPlace, "data");
    require(out, kPlace, "out");
    const seal::Source file(std::span(static_cast<const std::byte*>(data), size));
    *out = open(file, "model", seal_options, options, kPlace).release();
  });
}

oko_status oko_model_open_sealed_file(const char* path, const oko_seal_options* seal_options,
                                      const oko_model_options* options, oko_model** out) {
  return guarded_and_wiped([&] {
    constexpr const char* kPlace = "oko_model_open_sealed_file";
    require(path, kPlace, "path");
    require(out, kPlace, "out");
    const oko::runtime::File file(path);
    const seal::Source source(file.size(), [&](std::size_t offset, std::span<std::byte> to) {
      file.read_at(offset, to);
    });
    *out = open(source, path, seal_options, options, kPlace).release();
  });
}

}  // extern "C"
