#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <mutex>

#include "oko/storage/http/client.h"

namespace oko::storage::http {
namespace {

// Query values that may be shown. Signatures, tokens and names of upload sessions (which grant
// write access) are not among them, nor is anything unknown.
constexpr std::array kHarmless{"alt",
                               "continuation-token",
                               "delete",
                               "delimiter",
                               "generation",
                               "list-type",
                               "maxResults",
                               "max-keys",
                               "name",
                               "partNumber",
                               "prefix",
                               "project",
                               "start-after",
                               "uploadType",
                               "uploads",
                               "fields",
                               "ifGenerationMatch",
                               "ifSourceGenerationMatch",
                               "location"};

std::mutex& log_mutex() {
  static std::mutex mutex;
  return mutex;
}
std::shared_ptr<const Log>& current_log() {
  static std::shared_ptr<const Log> current;
  return current;
}

bool is_plain(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_' ||
         c == '~';
}

}  // namespace

void set_log(Log log) {
  const std::lock_guard lock(log_mutex());
  current_log() = log ? std::make_shared<const Log>(std::move(log)) : nullptr;
}

void log(const std::function<std::string()>& line) {
  std::shared_ptr<const Log> listener;
  {
    const std::lock_guard lock(log_mutex());
    listener = current_log();
  }
  if (listener) (*listener)(line());
}

std::string presentable(std::string_view url) {
  const auto question = url.find('?');
  std::string_view base = url.substr(0, question);
  std::string shown;
  if (const auto start = base.find("://"); start != base.npos) {
    shown = base.substr(0, start + 3);
    base.remove_prefix(start + 3);
    const std::string_view host = base.substr(0, base.find('/'));
    if (const auto at = host.rfind('@'); at != host.npos) base.remove_prefix(at + 1);
  }
  shown += base;
  if (question == url.npos) return shown;
  std::string_view query = url.substr(question + 1);
  char separator = '?';
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const std::string_view name = pair.substr(0, pair.find('='));
    bool harmless = name.size() == pair.size();
    for (const char* known : kHarmless) harmless = harmless || name == known;
    shown += separator;
    shown += harmless ? std::string(pair) : std::string(name) + "=...";
    separator = '&';
  }
  return shown;
}

bool may_carry_secrets(std::string_view url) {
  constexpr std::string_view kPlain = "http://";
  if (url.starts_with("https://")) return true;
  if (!url.starts_with(kPlain)) return false;
  url.remove_prefix(kPlain.size());
  std::string_view host = url.substr(0, url.find_first_of("/?#"));
  if (host.find('@') != host.npos) return false;  // "localhost:80@example.com"
  if (host.starts_with("[::1]")) return host.size() == 5 || host[5] == ':';
  host = host.substr(0, host.find(':'));
  // Digits and dots only: "127.0.0.1.example.com" is another machine.
  return host == "localhost" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos);
}

std::string percent_encode(std::string_view text, bool keep_slash) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (is_plain(c) || (keep_slash && c == '/')) {
      encoded += c;
    } else {
      encoded += '%';
      encoded += kHex[static_cast<unsigned char>(c) >> 4];
      encoded += kHex[static_cast<unsigned char>(c) & 15];
    }
  }
  return encoded;
}

}  // namespace oko::storage::http
