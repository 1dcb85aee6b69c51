#include "oko/storage/s3/sign.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <vector>

#include "oko/base/error.h"
#include "oko/storage/checksum.h"
#include "oko/storage/store.h"

namespace oko::storage::s3 {
namespace {

std::string hmac(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(),
           &size) == nullptr) {
    throw Error(ErrorCode::kFailed, "", "HMAC is not available from OpenSSL");
  }
  return std::string(reinterpret_cast<const char*>(digest.data()), size);
}

std::string format_time(std::time_t time, const char* format) {
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), format, &parts);
  return text.data();
}

struct Url {
  std::string host, path, query;
};

Url split(std::string_view url) {
  url.remove_prefix(url.find("://") + 3);
  const auto path = url.find_first_of("/?");
  Url parts;
  parts.host = url.substr(0, path);
  if (path == url.npos) return parts;
  url.remove_prefix(path);
  const auto question = url.find('?');
  parts.path = url.substr(0, question);
  if (question != url.npos) parts.query = url.substr(question + 1);
  return parts;
}

// Parameters sorted, each with a '='.
std::string canonical_query(std::string_view query) {
  std::vector<std::string> parameters;
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), one.size() + 1));
    parameters.emplace_back(one.find('=') == one.npos ? std::string(one) + "=" : std::string(one));
  }
  // By name, not by the whole parameter: '=' sorts after digits and '-'.
  std::sort(parameters.begin(), parameters.end(), [](const auto& a, const auto& b) {
    const std::string_view name_a = std::string_view(a).substr(0, a.find('='));
    const std::string_view name_b = std::string_view(b).substr(0, b.find('='));
    return name_a != name_b ? name_a < name_b : a < b;
  });
  std::string text;
  for (const std::string& one : parameters) text += (text.empty() ? "" : "&") + one;
  return text;
}

std::string hash(std::string_view text) {
  return sha256(std::as_bytes(std::span(text.data(), text.size())));
}

}  // namespace

std::string sha256_of(const std::vector<http::Span>& body) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  bool done = context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
  for (const http::Span part : body) {
    done = done && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  }
  if (!done || EVP_DigestFinal_ex(context.get(), digest.data(), &size) != 1) {
    throw Error(ErrorCode::kFailed, "", "SHA-256 is not available from OpenSSL");
  }
  return hex(std::as_bytes(std::span(digest).first(size)));
}

void sign(http::Request& request, const Credentials& credentials, std::string_view region,
          std::time_t now, std::string_view payload_hash) {
  const std::string day = format_time(now, "%Y%m%d"), time = format_time(now, "%Y%m%dT%H%M%SZ");
  request.headers.emplace_back("X-Amz-Date", time);
  request.headers.emplace_back("X-Amz-Content-Sha256", payload_hash);
  if (!credentials.session_token.empty()) {
    request.headers.emplace_back("X-Amz-Security-Token", credentials.session_token);
  }
  const Url url = split(request.url);
  std::vector<std::pair<std::string, std::string>> headers{{"host", url.host}};
  for (auto [name, value] : request.headers) {
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    headers.emplace_back(std::move(name), std::move(value));
  }
  std::sort(headers.begin(), headers.end());
  std::string canonical_headers, names;
  for (const auto& [name, value] : headers) {
    canonical_headers += name + ":" + value + "\n";
    names += (names.empty() ? "" : ";") + name;
  }
  const std::string canonical = request.method + "\n" + (url.path.empty() ? "/" : url.path) + "\n" +
                                canonical_query(url.query) + "\n" + canonical_headers + "\n" +
                                names + "\n" + std::string(payload_hash);
  const std::string scope = day + "/" + std::string(region) + "/s3/aws4_request";
  const std::string to_sign = "AWS4-HMAC-SHA256\n" + time + "\n" + scope + "\n" + hash(canonical);
  std::string key = hmac("AWS4" + credentials.secret, day);
  for (const std::string_view part :
       {region, std::string_view("s3"), std::string_view("aws4_request")}) {
    key = hmac(key, part);
  }
  const std::string signature = hmac(key, to_sign);
  request.headers.emplace_back(
      "Authorization", "AWS4-HMAC-SHA256 Credential=" + credentials.key_id + "/" + scope +
                           ", SignedHeaders=" + names + ", Signature=" +
                           hex(std::as_bytes(std::span(signature.data(), signature.size()))));
}

}  // namespace oko::storage::s3
