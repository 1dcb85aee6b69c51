// The C API's sealed models.
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "oko/runtime/c_api_seal.h"
#include "oko/runtime/file.h"
#include "oko/runtime/releases.h"
#include "oko/seal/p256tag.h"
#include "oko/seal/refused.h"
#include "oko/seal/sealed_model.h"
#include "oko/seal/x25519.h"

using oko::Bytes;
using oko::Error;
using oko::ErrorCode;
using oko::Locked;
using namespace oko::c_api;
namespace seal = oko::seal;

struct oko_content {
  Bytes bytes;
};

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

seal::P256Point point_of(const std::uint8_t* bytes, const char* place, const char* name) {
  require(bytes, place, name);
  seal::P256Point point{};
  std::memcpy(point.data(), bytes, point.size());
  if (point[0] != std::byte{4}) {
    throw usage(place, std::string(name) + " is not an uncompressed point",
                "its 65 bytes are 4, x and y");
  }
  return point;
}

// The key in hardware.
seal::Unwrap agreed_by_app(const oko_seal_options& o) {
  if (o.agree == nullptr) throw usage("oko_seal_options", "p256_point is set, but not agree");
  const seal::P256Point own = point_of(o.p256_point, "oko_seal_options", "p256_point");
  return [&o, own](const seal::Stanza& stanza) {
    return seal::unwrap_p256(stanza, own, [&o](const seal::P256Point& sender) {
      std::optional<seal::P256Secret> secret(std::in_place);
      if (o.agree(o.agree_context, seal::octets(sender), secret->data()) != 1) secret.reset();
      return secret;
    });
  };
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
  if (o.p256_point != nullptr) keys.push_back(agreed_by_app(o));
  if (keys.empty()) {
    throw usage("oko_seal_options", "identity, unwrap and p256_point are all null");
  }
  return keys;
}

seal::Demands demands_of(const oko_seal_options& o) {
  seal::Demands demands;
  if (o.model != nullptr) demands.model = o.model;
  demands.app_version = app_version(o.app_version, "oko_seal_options");
  demands.now = time_or_now(o.now, "oko_seal_options");
  return demands;
}

oko_seal_options checked(const oko_seal_options* given) {
  require(given, "oko_seal_options", "seal");
  const oko_seal_options o = known(given, "oko_seal_options");
  require(o.signer, "oko_seal_options", "signer");
  return o;
}

// The file inside, once everything was checked. Whoever uses it raises the release when that
// succeeded.
struct Unsealed {
  Bytes content;
  seal::Manifest manifest;
  oko::runtime::Releases releases;

  void accept() const { releases.raise(manifest.model, manifest.release); }
};

Unsealed unseal(const seal::Source& file, const std::string& name, const oko_seal_options* given) {
  const oko_seal_options o = checked(given);
  const std::vector<seal::Unwrap> keys = keys_of(o);
  seal::start_sodium();
  const seal::PublicKey signer = public_key(o.signer, "oko_seal_options", "signer");
  const oko::runtime::Releases releases(o.releases, "oko_seal_options");
  seal::Demands demands = demands_of(o);
  const seal::SealedModel sealed = seal::read_sealed(file, name);
  seal::Manifest manifest = seal::verified_manifest(sealed, signer, name);
  demands.release = releases.highest(manifest.model);
  seal::check_demands(manifest, demands, name);
  const Bytes content = Locked::share(seal::open_sealed(sealed, manifest, keys, name));
  return {content, std::move(manifest), releases};
}

std::unique_ptr<oko_model> open(const seal::Source& file, const std::string& name,
                                const oko_seal_options* given, const oko_model_options* options,
                                const char* place) {
  if (known(options, place).cache_path != nullptr) {
    throw usage(place, "cache_path would write a sealed model's weights to a file",
                "leave it NULL");
  }
  const Unsealed inside = unseal(file, name, given);
  if (inside.manifest.content != "oko") {
    throw oko::input_error(name,
                           "the model inside is not an .oko file but " + inside.manifest.content,
                           "oko_content_open() gives that file to the program that reads it");
  }
  std::unique_ptr<oko_model> model =
      open_model(inside.content, name, options, place, Origin::kSealed);
  inside.accept();
  return model;
}

// Reads a file by parts. It must outlive the source.
seal::Source source_of(const oko::runtime::File& file) {
  return {file.size(),
          [&file](std::size_t offset, std::span<std::byte> to) { file.read_at(offset, to); }};
}

oko_content* content_of(const seal::Source& file, const std::string& name,
                        const oko_seal_options* options) {
  const Unsealed inside = unseal(file, name, options);
  auto content = std::make_unique<oko_content>(oko_content{inside.content});
  inside.accept();
  return content.release();
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
    *out = open(source_of(file), path, seal_options, options, kPlace).release();
  });
}

oko_status oko_content_open(const void* data, size_t size, const oko_seal_options* seal_options,
                            oko_content** out) {
  return guarded_and_wiped([&] {
    require(data, "oko_content_open", "data");
    require(out, "oko_content_open", "out");
    const seal::Source file(std::span(static_cast<const std::byte*>(data), size));
    *out = content_of(file, "model", seal_options);
  });
}

oko_status oko_content_open_file(const char* path, const oko_seal_options* seal_options,
                                 oko_content** out) {
  return guarded_and_wiped([&] {
    require(path, "oko_content_open_file", "path");
    require(out, "oko_content_open_file", "out");
    const oko::runtime::File file(path);
    *out = content_of(source_of(file), path, seal_options);
  });
}

const void* oko_content_bytes(const oko_content* content, size_t* size) {
  if (size != nullptr) *size = content != nullptr ? content->bytes.size() : 0;
  return content != nullptr ? content->bytes.span().data() : nullptr;
}

void oko_content_close(oko_content* content) { delete content; }

oko_status oko_p256_recipient(const uint8_t* point, char* text, size_t text_size) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_p256_recipient";
    require(text, kPlace, "text");
    const std::string recipient = seal::p256_recipient(point_of(point, kPlace, "point"));
    if (text_size <= recipient.size()) {
      throw usage(kPlace, "text_size " + std::to_string(text_size) + " is too small",
                  "OKO_P256_RECIPIENT_SIZE is enough");
    }
    std::memcpy(text, recipient.c_str(), recipient.size() + 1);
  });
}

}  // extern "C"
