#include "oko/formats/tflite/appended.h"

#include <zlib.h>

#include <cstring>
#include <optional>

namespace oko::formats::tflite {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;  // of a file
constexpr std::uint32_t kMostFiles = 64;

std::size_t number_at(std::string_view bytes, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, count);
  return value;
}

std::optional<std::string> inflated(std::string_view bytes, std::size_t size) {
  std::string text(size + 1, '\0');  // zlib wants room even for nothing
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return {};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib only reads it
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  const int result = inflate(&stream, Z_FINISH);
  inflateEnd(&stream);
  if (result != Z_STREAM_END || stream.total_out != size) return {};
  text.resize(size);
  return text;
}

// Of a file whose entry in the central directory starts at `entry`.
std::optional<std::string> text_of(std::string_view model, std::size_t entry, std::size_t end) {
  const std::size_t method = number_at(model, entry + 10, 2);
  const std::size_t packed = number_at(model, entry + 20, 4),
                    size = number_at(model, entry + 24, 4);
  const std::size_t local = number_at(model, entry + 42, 4);
  if (local > end || end - local < zip::kLocalSize || number_at(model, local, 4) != zip::kLocal ||
      size > kMostBytes) {
    return {};
  }
  const std::size_t data =
      local + zip::kLocalSize + number_at(model, local + 26, 2) + number_at(model, local + 28, 2);
  if (data > end || end - data < packed) return {};
  const std::string_view bytes = model.substr(data, packed);
  if (method == 0) return packed == size ? std::optional<std::string>(bytes) : std::nullopt;
  constexpr std::size_t kDeflated = 8;
  return method == kDeflated ? inflated(bytes, size) : std::nullopt;
}

}  // namespace

std::vector<AppendedFile> appended_files(std::string_view model) {
  std::vector<AppendedFile> files;
  // The end record has no comment in archives written by other tools.
  if (model.size() < zip::kEndSize ||
      number_at(model, model.size() - zip::kEndSize, 4) != zip::kEnd) {
    return files;
  }
  const std::size_t end = model.size() - zip::kEndSize;
  std::size_t at = number_at(model, end + 16, 4);
  for (std::size_t left = number_at(model, end + 10, 2); left > 0 && files.size() < kMostFiles;
       --left) {
    if (at > end || end - at < zip::kCentralSize || number_at(model, at, 4) != zip::kCentral) break;
    const std::size_t name = number_at(model, at + 28, 2);
    const std::size_t skipped = name + number_at(model, at + 30, 2) + number_at(model, at + 32, 2);
    if (end - at - zip::kCentralSize < skipped) break;
    auto text = text_of(model, at, end);
    if (!text) break;
    files.push_back({std::string(model.substr(at + zip::kCentralSize, name)), std::move(*text)});
    at += zip::kCentralSize + skipped;
  }
  return files;
}

}  // namespace oko::formats::tflite
