// The C API's sealed models.
#include <chrono>
#include <optional>
#include <string>
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
  if (o.unwrap(o.unwrap_context, &given, key.data()) == 0) return std::nullopt;
  return key;
}

std::vector<seal::Unwrap> keys_of(const oko_seal_options& o) {
  std::vector<seal::Unwrap> keys;
  if (o.identity != nullptr) {
    auto identity = seal::X25519Identity::read(o.identity);
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
  if (o.releases.get != nullptr)
    demands.release = o.releases.get(o.releases.context, model.c_str());
  return demands;
}

oko_seal_options checked(const oko_seal_options* given) {
  require(given, "oko_seal_options", "seal");
  const oko_seal_options o = known(given, "oko_seal_options");
  require(o.signer, "oko_seal_options", "signer");
  if ((o.releases.get == nullptr) != (o.releases.set == nullptr)) {
    throw usage("oko_seal_options", "only one of the two functions of releases is set");
  }
  return o;
}

std::unique_ptr<oko_model> open(std::span<const std::byte> file, const std::string& name,
                                const oko_seal_options* given, const oko_model_options* options,
                                const char* place, const seal::Done& done) {
  const oko_seal_options o = checked(given);
  const std::vector<seal::Unwrap> keys = keys_of(o);
  const seal::SealedModel sealed = seal::read_sealed(file, name);
  const seal::PublicKey signer = seal::PublicKey::read(o.signer, "oko_seal_options: signer");
  const seal::Manifest manifest = seal::verified_manifest(sealed, signer, name);
  const seal::Demands demands = demands_of(o, manifest.model);
  seal::check_demands(manifest, demands, name);
  if (manifest.content != "oko") {
    throw oko::input_error(name, "the model inside is not an .oko file but " + manifest.content);
  }
  Bytes content = Locked::share(seal::open_sealed(sealed, manifest, keys, name, done));
  std::unique_ptr<oko_model> model = open_model(content, name, options, place, Secrecy::kSealed);
  if (o.releases.set != nullptr && manifest.release > demands.release &&
      o.releases.set(o.releases.context, manifest.model.c_str(), manifest.release) == 0) {
    throw Error(ErrorCode::kStorage, name, "the app could not store the release that it opened");
  }
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
    const std::span file(static_cast<const std::byte*>(data), size);
    *out = open(file, "model", seal_options, options, kPlace, nullptr).release();
  });
}

oko_status oko_model_open_sealed_file(const char* path, const oko_seal_options* seal_options,
                                      const oko_model_options* options, oko_model** out) {
  return guarded_and_wiped([&] {
    constexpr const char* kPlace = "oko_model_open_sealed_file";
    require(path, kPlace, "path");
    require(out, kPlace, "out");
    const Bytes file = oko::runtime::map_file(path);
    *out =
        open(file.span(), path, seal_options, options, kPlace, oko::runtime::give_back).release();
  });
}

}  // extern "C"
