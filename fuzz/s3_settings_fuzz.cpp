// needs: storage
// Any settings file and any response with credentials is read or rejected.

#include "oko/base/error.h"
#include "oko/storage/s3/credentials.h"
#include "oko/storage/s3/settings_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace oko::storage::s3;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    parse_settings(text, "input");
  } catch (const oko::Error&) {
  }
  try {
    parse_credentials(text, "input");
  } catch (const oko::Error&) {
  }
  parse_time(text);
  return 0;
}
