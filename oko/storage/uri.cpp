#include "oko/storage/uri.h"

#include <algorithm>
#include <cctype>

#include "oko/base/error.h"

namespace oko::storage {
namespace {

constexpr std::string_view kSeparator = "://";

// "gs" of "gs://b/x"; "file" if there is none.
std::string_view scheme_of(std::string_view uri) {
  const auto end = uri.find(kSeparator);
  return end == uri.npos ? "file" : uri.substr(0, end);
}

}  // namespace

Uri::Uri(Parsed, std::string text) : text_(std::move(text)), scheme_(scheme_of(text_)) {
  const auto separator = text_.find(kSeparator);
  name_ = separator == text_.npos ? text_ : text_.substr(separator + kSeparator.size());
  if (scheme_ == "file") return;
  if (scheme_ != "gs" && scheme_ != "s3") {
    throw Error(ErrorCode::kUsage, text_, "no store for \"" + scheme_ + "://\"",
                "use a path, file://, gs:// or s3://");
  }
  const auto slash = name_.find('/');
  bucket_ = name_.substr(0, slash);
  name_.erase(0, slash == name_.npos ? slash : slash + 1);
  const bool plain = std::all_of(bucket_.begin(), bucket_.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
  if (bucket_.empty() || !plain) {
    throw Error(ErrorCode::kUsage, text_, "names no bucket", "use " + scheme_ + "://BUCKET/NAME");
  }
  constexpr std::size_t kLongestKey = 1024;  // Google's and Amazon's limit
  if (name_.size() > kLongestKey) {
    throw Error(ErrorCode::kUsage, text_, "has a name of more than 1024 bytes", "shorten it");
  }
}

Uri Uri::with_key(std::string key) const {
  Uri other = *this;
  other.text_ = scheme_ + "://" + bucket_ + (key.empty() ? "" : "/" + key);
  other.name_ = std::move(key);
  return other;
}

bool is_local(std::string_view uri) { return scheme_of(uri) == "file"; }

std::string join(std::string_view folder, std::string_view name) {
  if (folder.empty() || name.starts_with('/') || name.find("://") != std::string_view::npos) {
    return std::string(name);
  }
  std::string joined(folder);
  if (!joined.ends_with('/')) joined += '/';
  return joined.append(name);
}

std::string parent(std::string_view uri) {
  const auto slash = uri.find_last_of('/');
  if (slash == std::string_view::npos) return "";
  return std::string(uri.substr(0, slash == 0 ? 1 : slash));
}

std::string filename(std::string_view uri) {
  const auto slash = uri.find_last_of('/');
  return std::string(slash == std::string_view::npos ? uri : uri.substr(slash + 1));
}

std::string stem(std::string_view uri) {
  std::string name = filename(uri);
  const auto dot = name.find_last_of('.');
  if (dot != std::string::npos && dot != 0) name.resize(dot);
  return name;
}

std::string extension(std::string_view uri) {
  const std::string name = filename(uri);
  const auto dot = name.find_last_of('.');
  if (dot == std::string::npos || dot == 0) return "";
  std::string ending = name.substr(dot);
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return ending;
}

}  // namespace oko::storage
