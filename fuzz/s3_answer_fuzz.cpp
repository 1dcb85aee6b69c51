// needs: storage
// Any response of an S3 server is read or rejected, as the response to any request; what is read is
// consistent.

#include <cstdlib>

#include "oko/base/error.h"
#include "oko/storage/s3/answers.h"

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
  using namespace oko::storage::s3;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_or_refuse([&] {
    for (const ListedObject& object : parse_listing(text, "input").objects) {
      if (object.key.empty()) std::abort();
    }
  });
  read_or_refuse([&] {
    for (const ListedPart& part : parse_part_listing(text, "input").parts) {
      if (part.number < 1 || part.number > 10'000) std::abort();
    }
  });
  read_or_refuse([&] { lists_any(text, "input"); });
  read_or_refuse([&] { parse_delete_failures(text, "input"); });
  read_or_refuse([&] { parse_value(text, "CopyObjectResult", "ETag", "input"); });
  parse_error(text);
  return 0;
}
