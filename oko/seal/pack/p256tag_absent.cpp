// Instead of p256tag.cpp where there is no OpenSSL (CMakeLists.txt): no text is a P-256 key.
#include "oko/base/error.h"
#include "oko/seal/pack/p256tag.h"

namespace oko::seal {

std::optional<P256Recipient> P256Recipient::read(std::string_view) { return std::nullopt; }

Stanza P256Recipient::wrap(const FileKey&) const {
  throw Error(ErrorCode::kFailed, "", "this build has no OpenSSL");
}

}  // namespace oko::seal
