#include "oko/dataset/paths.h"

#include <algorithm>
#include <array>

#include "oko/dataset/text.h"
#include "oko/dataset/unicode.h"

namespace oko::dataset {

std::vector<std::string_view> folders_of(std::string_view path) {
  std::vector<std::string_view> folders;
  for (auto slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/')) {
    folders.push_back(path.substr(0, slash));
    path.remove_prefix(slash + 1);
  }
  return folders;
}

bool is_foreign_path(std::string_view written) {
  const bool drive = written.size() > 1 && written[1] == ':';
  return written.starts_with('/') || written.starts_with('\\') || written.starts_with("..") ||
         drive || written.find("://") != std::string_view::npos;
}

std::size_t common_ending(std::string_view a, std::string_view b) {
  const auto x = folders_of(a), y = folders_of(b);
  const auto [i, j] = std::mismatch(x.rbegin(), x.rend(), y.rbegin(), y.rend());
  return static_cast<std::size_t>(i - x.rbegin()) + 1;
}

std::size_t shared_folders(std::string_view a, std::string_view b) {
  const auto x = folders_of(a), y = folders_of(b);
  const auto [i, j] = std::mismatch(x.begin(), x.end(), y.begin(), y.end());
  return static_cast<std::size_t>(i - x.begin());
}

std::string normal_path(std::string_view written) { return composed(plain_path(written)); }

std::string plain_path(std::string_view written) {
  std::string text(written);
  std::replace(text.begin(), text.end(), '\\', '/');
  text += '/';
  std::vector<std::string> parts;
  const bool absolute = text.starts_with('/');
  for (const std::string_view part : folders_of(text)) {
    if (part == ".." && !parts.empty()) {
      parts.pop_back();
    } else if (!part.empty() && part != "." && part != "..") {
      parts.emplace_back(part);
    }
  }
  std::string path;
  for (const std::string& part : parts) path += (path.empty() && !absolute ? "" : "/") + part;
  return path;
}

bool is_usual_folder(std::string_view name) {
  constexpr std::array<std::string_view, 15> kUsual{
      "images", "image", "imgs", "img", "jpegimages",  "data",       "photos", "pictures",
      "labels", "xmls",  "xml",  "voc", "annotations", "annotation", "default"};
  return std::find(kUsual.begin(), kUsual.end(), lower(name)) != kUsual.end();
}

std::string percent_decoded(std::string_view text) {
  const auto digit = [&](std::size_t i) {
    const char c = i < text.size() ? text[i] : 'x';
    if (c >= '0' && c <= '9') return c - '0';
    const char small = static_cast<char>(c | 0x20);
    return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
  };
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && digit(i + 1) >= 0 && digit(i + 2) >= 0) {
      const int byte = digit(i + 1) * 16 + digit(i + 2);
      if (byte < ' ') return std::string(text);
      decoded += static_cast<char>(byte);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

}  // namespace oko::dataset
