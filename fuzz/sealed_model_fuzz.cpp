// needs: seal_pack
// The first byte says what the others are: a sealed model, its manifest or signature, or a key.
// Everything is refused, or means what was written.

#include <algorithm>
#include <cstdlib>
#include <string>

#include "oko/base/error.h"
#include "oko/seal/pack/signing_key.h"
#include "oko/seal/sealed_model.h"
#include "oko/seal/x25519.h"

namespace {

using namespace oko::seal;

// Keys of the files in corpus/sealed_model, and of nothing else.
constexpr char kSigner[] = "RWTMRfArmvRCdMUe0ojQHIAgaP+V4Gu7sk7398WF85NmCf5c4ZXhgkrk";
constexpr char kIdentity[] =
    "AGE-SECRET-KEY-1KCEGVW53GZS3960MDNTNW7M0LR3JZDQYPJJY885R6TYLRY74KF5S33RKUA";

void open(std::span<const std::byte> file) {
  const SealedModel sealed = read_sealed(Source(file), "file");
  const auto again =
      sealed_file(sealed.manifest, sealed.signature, sealed.payload.read(0, sealed.payload.size()));
  if (!std::ranges::equal(again, file)) std::abort();
  const Manifest manifest = verified_manifest(sealed, PublicKey::read(kSigner, "key"), "file");
  const auto identity = X25519Identity::read(kIdentity);
  const Unwrap key = [&](const Stanza& stanza) { return identity->unwrap(stanza); };
  if (open_sealed(sealed, manifest, std::span(&key, 1), "file").size() != manifest.size) {
    std::abort();
  }
}

void read_keys(std::string_view text) {
  try {
    const PublicKey key = PublicKey::read(text, "key");
    if (PublicKey::read(key.text(), "key").id() != key.id()) std::abort();
  } catch (const oko::Error&) {
  }
  // With a passphrase it would take a second each.
  if (SecretKey::needs_passphrase(text)) return;
  const SecretKey key = SecretKey::read(text, nullptr, "key");
  const std::string signature = key.sign(bytes_of(text), "comment");
  if (key.public_key().verify(bytes_of(text), signature, "text") != "comment") std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  start_sodium();
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    switch (data[0]) {
      case 'f':
        open(bytes_of(text));
        break;
      case 'm':
        if (manifest_text(read_manifest(text, "manifest")) != text) std::abort();
        break;
      case 'p':  // behind the header's code, which no mutation passes
        decrypt_payload(Source(bytes_of(text)), FileKey(), "payload", 0);
        break;
      case 's':
        PublicKey::read(kSigner, "key").verify(bytes_of("content"), text, "signature");
        break;
      default:
        read_keys(text);
    }
  } catch (const oko::Error&) {
  }
  return 0;
}
