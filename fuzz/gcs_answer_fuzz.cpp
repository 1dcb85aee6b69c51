// needs: storage
// Any response of Google Cloud Storage is read or rejected, as the response to any request; so is
// any credentials file, and any header is parsed safely.

#include <cstdlib>

#include "oko/base/error.h"
#include "oko/storage/bucket/content_range.h"
#include "oko/storage/gcs/answers.h"
#include "oko/storage/gcs/credentials.h"

namespace {

template <typename Read>
void read_or_refuse(const Read& read) {
  try {
    read();
  } catch (const oko::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace oko::storage;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_or_refuse([&] { gcs::parse_object(text, "input"); });
  read_or_refuse([&] { gcs::parse_listing(text, "input"); });
  read_or_refuse([&] {
    const gcs::Rewrite rewrite = gcs::parse_rewrite(text, "input");
    if (rewrite.object && !rewrite.token.empty()) std::abort();
  });
  read_or_refuse([&] { gcs::parse_account(text, "input"); });
  if (gcs::parse_error(text).message.size() > 300) std::abort();
  gcs::parse_held(text);
  if (const auto range = bucket::parse_content_range(text)) {
    if (range->first > range->last || range->last >= range->total) std::abort();
  }
  return 0;
}
