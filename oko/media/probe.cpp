#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string_view>

#include "oko/media/heif.h"
#include "oko/media/picture.h"

namespace oko::media {
namespace {

// Numbers at offsets in a file. Past the end they read as 0, so a truncated or forged header gives
// an empty size and never an out-of-bounds read.
class Header {
 public:
  explicit Header(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::size_t size() const { return bytes_.size(); }
  bool has(std::size_t at, std::string_view text) const {
    return at <= size() && text.size() <= size() - at &&
           std::memcmp(bytes_.data() + at, text.data(), text.size()) == 0;
  }
  std::uint32_t byte(std::size_t at) const {
    return at < size() ? std::to_integer<std::uint32_t>(bytes_[at]) : 0;
  }
  std::uint32_t big(std::size_t at, std::size_t count) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < count; ++i) value = value << 8 | byte(at + i);
    return value;
  }
  std::uint32_t little(std::size_t at, std::size_t count) const {
    std::uint32_t value = 0;
    for (std::size_t i = count; i > 0; --i) value = value << 8 | byte(at + i - 1);
    return value;
  }
  // The offset of the next byte 0xFF, or size().
  std::size_t next_marker(std::size_t from) const {
    if (from >= size()) return size();
    const void* found = std::memchr(bytes_.data() + from, 0xFF, size() - from);
    if (!found) return size();
    return static_cast<std::size_t>(static_cast<const std::byte*>(found) - bytes_.data());
  }
  // The bytes [at, at + count), as far as they exist.
  Header part(std::size_t at, std::size_t count) const {
    if (at >= size()) return Header({});
    return Header(bytes_.subspan(at, std::min(count, size() - at)));
  }

 private:
  std::span<const std::byte> bytes_;
};

// The information in a header, and whether more of the file could change it.
struct Probed {
  PictureInfo info;
  bool complete = false;
};

// A size read from a file; 0 × 0 if invalid.
image::Size size_of(std::uint32_t width, std::uint32_t height) {
  constexpr std::uint32_t kMax = std::numeric_limits<int>::max();
  if (width == 0 || height == 0 || width > kMax || height > kMax) return {};
  return {static_cast<int>(width), static_cast<int>(height)};
}

// The first directory of a TIFF file; EXIF has the same format.
struct TiffTags {
  std::uint32_t width = 0, height = 0, orientation = 1;
  bool complete = false;  // the directory is complete
};

TiffTags read_tiff(const Header& tiff) {
  constexpr std::uint32_t kWidth = 256, kHeight = 257, kOrientation = 274, kShort = 3;
  const bool is_big = tiff.has(0, std::string_view("MM\0*", 4));
  if (!is_big && !tiff.has(0, std::string_view("II*\0", 4))) return {};
  const auto number = [&](std::size_t at, std::size_t count) {
    return is_big ? tiff.big(at, count) : tiff.little(at, count);
  };
  const std::size_t directory = number(4, 4);
  const std::uint32_t entries = number(directory, 2);
  TiffTags tags;
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + 12 * i;
    if (entry + 12 > tiff.size()) return tags;
    const std::uint32_t value = number(entry + 8, number(entry + 2, 2) == kShort ? 2 : 4);
    switch (number(entry, 2)) {
      case kWidth:
        tags.width = value;
        break;
      case kHeight:
        tags.height = value;
        break;
      case kOrientation:
        if (value >= 1 && value <= 8) tags.orientation = value;
        break;
      default:
        break;
    }
  }
  tags.complete = directory + 2 <= tiff.size();
  return tags;
}

bool is_frame_marker(std::uint32_t marker) {  // SOF0…15 without DHT, JPG and DAC
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

// Only those before the first scan: decoders ignore later ones.
void read_jpeg_segment(const Header& segment, std::uint32_t marker, PictureInfo& info) {
  constexpr std::uint32_t kApp1 = 0xE1;
  const std::string_view exif("Exif\0\0", 6);
  if (is_frame_marker(marker) && info.size == image::Size{}) {
    info.size = size_of(segment.big(5, 2), segment.big(3, 2));
  } else if (marker == kApp1 && segment.has(2, exif)) {
    const TiffTags tags = read_tiff(segment.part(8, segment.size()));
    info.exif_orientation = static_cast<int>(tags.orientation);
  }
}

// Walks from marker to marker to the end of the image, including compressed data: thumbnails and
// data appended by some cameras have their own end markers. `head`: only to the first scan.
void read_jpeg(const Header& file, bool head, Probed& probed) {
  constexpr std::uint32_t kEnd = 0xD9, kScan = 0xDA;
  PictureInfo& info = probed.info;
  info.format = "jpeg";
  info.truncated = true;
  std::size_t at = file.next_marker(2);
  while (at + 1 < file.size()) {
    const std::uint32_t marker = file.byte(at + 1);
    probed.complete |= marker == kEnd || marker == kScan;
    info.truncated = marker != kEnd;
    if (marker == kEnd || (head && marker == kScan)) return;
    std::size_t next = at + 2;
    if (marker == 0xFF) {
      next = at + 1;                                              // a fill byte
    } else if (marker > 1 && (marker < 0xD0 || marker > 0xD8)) {  // neither data nor restart
      const std::size_t length = std::max<std::size_t>(file.big(at + 2, 2), 2);
      if (!probed.complete) read_jpeg_segment(file.part(at + 2, length), marker, info);
      next = at + 2 + length;
    }
    at = file.next_marker(next);
  }
}

// An eXIf chunk counts only before the pixels: most programs ignore it after them.
void read_png(const Header& file, bool head, Probed& probed) {
  PictureInfo& info = probed.info;
  info.format = "png";
  if (file.has(12, "IHDR")) info.size = size_of(file.big(16, 4), file.big(20, 4));
  info.truncated = true;
  std::uint64_t at = 8;
  while (at + 12 <= file.size()) {
    if (file.has(at + 4, "IEND")) {
      info.truncated = false;
      return;
    }
    probed.complete |= file.has(at + 4, "IDAT");
    if (probed.complete && head) return;
    if (!probed.complete && file.has(at + 4, "eXIf")) {
      const TiffTags tags = read_tiff(file.part(at + 8, file.big(at, 4)));
      info.exif_orientation = static_cast<int>(tags.orientation);
    }
    at += std::uint64_t{12} + file.big(at, 4);
  }
}

void read_bmp(const Header& file, Probed& probed) {
  PictureInfo& info = probed.info;
  info.format = "bmp";
  probed.complete = file.size() >= 26;
  constexpr std::uint32_t kOldHeader = 12;
  if (file.little(14, 4) == kOldHeader) {
    info.size = size_of(file.little(18, 2), file.little(20, 2));
    return;
  }
  const std::uint32_t height = file.little(22, 4);  // negative: rows from the top
  info.size = size_of(file.little(18, 4), height >> 31 ? 0U - height : height);
}

// The offset of a chunk in a WebP file; 0 if it has none.
std::size_t webp_chunk(const Header& file, std::string_view name) {
  for (std::uint64_t at = 12; at + 8 <= file.size();) {
    if (file.has(at, name)) return at;
    const std::uint64_t length = file.little(at + 4, 4);
    at += 8 + length + length % 2;
  }
  return 0;
}

void read_webp(const Header& file, Probed& probed) {
  PictureInfo& info = probed.info;
  info.format = "webp";
  info.truncated = std::uint64_t{file.little(4, 4)} + 8 > file.size();
  constexpr std::uint32_t kHasExif = 8;
  const bool extended = file.has(12, "VP8X");
  probed.complete = file.size() >= 30;
  if (extended && (file.byte(20) & kHasExif) != 0) {  // usually after the pixels
    const std::size_t exif = webp_chunk(file, "EXIF");
    const std::size_t skip = file.has(exif + 8, std::string_view("Exif\0\0", 6)) ? 14 : 8;
    const TiffTags tags =
        exif > 0 ? read_tiff(file.part(exif + skip, file.little(exif + 4, 4))) : TiffTags{};
    info.exif_orientation = static_cast<int>(tags.orientation);
    probed.complete = tags.complete;
  }
  if (file.has(12, "VP8 ") && file.has(23, "\x9D\x01\x2A")) {
    info.size = size_of(file.little(26, 2) & 0x3FFF, file.little(28, 2) & 0x3FFF);
  } else if (file.has(12, "VP8L") && file.has(20, "\x2F")) {
    const std::uint32_t bits = file.little(21, 4);
    info.size = size_of((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1);
  } else if (extended && file.size() >= 30) {
    info.size = size_of(file.little(24, 3) + 1, file.little(27, 3) + 1);
  }
}

// "heic" or "avif" if the file's first box names such a brand, as its own or a compatible one.
std::string heif_format(const Header& file) {
  if (!file.has(4, "ftyp")) return {};
  constexpr std::array<std::string_view, 2> kAvif{"avif", "avis"};
  constexpr std::array<std::string_view, 8> kHeic{"heic", "heix", "hevc", "hevx",
                                                  "heim", "heis", "hevm", "hevs"};
  const std::size_t end =
      std::min<std::size_t>(file.big(0, 4), std::min<std::size_t>(file.size(), 256));
  const auto names = [&](std::string_view brand) {
    for (std::size_t at = 8; at + 4 <= end; at += 4) {
      if (file.has(at, brand)) return true;
    }
    return false;
  };
  if (std::ranges::any_of(kAvif, names)) return "avif";
  return std::ranges::any_of(kHeic, names) || file.has(8, "mif1") || file.has(8, "msf1") ? "heic"
                                                                                         : "";
}

Probed probed(const Bytes& bytes, bool head) {
  const Header file(bytes.span());
  Probed probed;
  PictureInfo& info = probed.info;
  if (file.has(0, "\xFF\xD8\xFF")) {
    read_jpeg(file, head, probed);
  } else if (file.has(0, "\x89PNG\r\n\x1A\n")) {
    read_png(file, head, probed);
  } else if (file.has(0, "BM")) {
    read_bmp(file, probed);
  } else if (file.has(0, "RIFF") && file.has(8, "WEBP")) {
    read_webp(file, probed);
  } else if (file.has(0, "GIF87a") || file.has(0, "GIF89a")) {
    info.format = "gif";
    info.size = size_of(file.little(6, 2), file.little(8, 2));
    probed.complete = file.size() >= 10;
  } else if (file.has(0, std::string_view("II*\0", 4)) ||
             file.has(0, std::string_view("MM\0*", 4))) {
    const TiffTags tags = read_tiff(file);
    info.format = "tiff";
    info.size = size_of(tags.width, tags.height);
    info.exif_orientation = static_cast<int>(tags.orientation);
    probed.complete = tags.complete;
  } else if (file.has(4, "jP  \r\n\x87\n")) {
    info.format = "jp2";
  } else if (file.has(0, "\xFF\x0A") || file.has(4, "JXL \r\n\x87\n")) {
    info.format = "jxl";
  } else if (info.format = heif_format(file); !info.format.empty()) {
    info.size = heif_size(bytes.span());  // needs the whole file: never complete without its end
  }
  return probed;
}

}  // namespace

PictureInfo probe(const Bytes& file) { return probed(file, false).info; }

std::optional<PictureInfo> probe_head(const Bytes& head) {
  Probed result = probed(head, true);
  if (!result.complete || result.info.size == image::Size{}) return std::nullopt;
  result.info.truncated = false;
  return result.info;
}

}  // namespace oko::media
