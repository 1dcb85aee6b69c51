#include "oko/base/bytes.h"

#include <cstring>

#include "oko/base/error.h"

namespace oko {

Bytes::Bytes(std::vector<std::byte> data) { *this = own(std::move(data)); }

Bytes::Bytes(std::string_view text) {
  const auto view = std::as_bytes(std::span(text.data(), text.size()));
  *this = own(std::vector<std::byte>(view.begin(), view.end()));
}

Bytes ByteReader::take(std::size_t count, std::string_view what) {
  if (count > remaining()) {
    throw input_error(place(),
                      "the file ends inside " + std::string(what) + " (" + std::to_string(count) +
                          " bytes needed, " + std::to_string(remaining()) + " left)",
                      "the file is truncated: copy or download it again");
  }
  Bytes part = bytes_.part(position_, count);
  position_ += count;
  return part;
}

void ByteReader::copy(void* to, std::size_t count, std::string_view what) {
  const Bytes part = take(count, what);
  std::memcpy(to, part.data(), count);
}

}  // namespace oko
