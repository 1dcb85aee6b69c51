#include "oko/storage/s3/s3_store.h"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "oko/storage/bucket/content_range.h"
#include "oko/storage/checksum.h"
#include "oko/storage/s3/answers.h"

namespace oko::storage {

S3Options s3_options(const bucket::Environment& environment) {
  const auto profile = s3::profile_settings(environment);
  const auto first = [&](std::initializer_list<const char*> variables, const char* setting) {
    for (const char* variable : variables) {
      if (std::string value = environment(variable); !value.empty()) return value;
    }
    const auto found = profile.find(setting);
    return found == profile.end() ? std::string() : found->second;
  };
  S3Options options;
  options.environment = environment;
  options.endpoint = first({"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}, "endpoint_url");
  const std::string region = first({"AWS_REGION", "AWS_DEFAULT_REGION"}, "region");
  if (!region.empty()) options.region = region;
  options.ca_file = first({"AWS_CA_BUNDLE"}, "ca_bundle");
  return options;
}

std::unique_ptr<Store> make_s3_store(const S3Options& options) {
  return std::make_unique<s3::S3Store>(options);
}

}  // namespace oko::storage

namespace oko::storage::s3 {
namespace {

bool is_md5(std::string_view text) {
  return text.size() == 32 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isdigit(c) != 0 || (c >= 'a' && c <= 'f');
         });
}

std::string code_of(const http::Response& response) {
  const auto error = parse_error(response.body);
  return error ? error->code : "";
}

}  // namespace

void add_precondition(http::Request& request, const Precondition& precondition) {
  if (precondition.is_absent()) {
    request.headers.emplace_back("If-None-Match", "*");
  } else if (!precondition.any()) {
    // Without quotes: Amazon accepts both, Ceph compares literally.
    request.headers.emplace_back("If-Match", precondition.wanted_version());
  }
}

S3Store::S3Store(const S3Options& options)
    : BucketStore(options), options_(options), credentials_(options.environment, options) {
  while (options_.endpoint.ends_with('/')) options_.endpoint.pop_back();
  if (!options_.endpoint.empty() && !options_.endpoint.starts_with("http://") &&
      !options_.endpoint.starts_with("https://")) {
    throw Error(ErrorCode::kUsage, "AWS_ENDPOINT_URL", "is not a URL",
                "use http://HOST:PORT or https://HOST");
  }
}

http::Request S3Store::request(const std::string& method, const Uri& uri,
                               const std::string& query) const {
  http::Request request;
  request.method = method;
  request.timeouts = options_.timeouts;
  request.ca_file = options_.ca_file;
  request.max_body = 16 << 20;
  const std::string key = http::percent_encode(uri.key(), true);
  if (!options_.endpoint.empty()) {
    request.url = options_.endpoint + "/" + uri.bucket() + (key.empty() ? "" : "/" + key);
  } else {
    const std::string host = "s3." + options_.region + ".amazonaws.com" +
                             (options_.region.starts_with("cn-") ? ".cn" : "");
    // Amazon's certificate covers a single label before its name.
    const bool by_path = uri.bucket().find('.') != std::string::npos;
    request.url = by_path ? "https://" + host + "/" + uri.bucket() + "/" + key
                          : "https://" + uri.bucket() + "." + host + "/" + key;
  }
  if (!query.empty()) request.url += "?" + query;
  return request;
}

http::Response S3Store::attempt(const http::Request& request) {
  for (bool renewed = false;; renewed = true) {
    const Credentials credentials = credentials_.get();
    http::Request ready = request;
    if (!credentials.anonymous) {
      const bool tls = request.url.starts_with("https://");
      sign(ready, credentials, options_.region, std::time(nullptr) + clock_offset_,
           tls ? std::string(kUnsignedPayload) : sha256_of(request.body));
    }
    http::Response response = client().send(ready);
    if (renewed || response.ok() || credentials.anonymous) return response;
    if (is_stale(response, credentials)) {
      credentials_.renew(credentials);
    } else if (response.status == 403 && code_of(response) == "RequestTimeTooSkewed") {
      const std::time_t date = curl_getdate(std::string(response.header("date")).c_str(), nullptr);
      if (date == -1) return response;
      clock_offset_ = date - std::time(nullptr);
    } else {
      return response;
    }
    ++http::counters().refreshed;
  }
}

bool S3Store::is_stale(const http::Response& response, const Credentials& credentials) const {
  if (response.status == 401) return true;
  if (response.status != 400 && response.status != 403) return false;
  if (response.body.empty()) return response.status == 400 && !credentials.session_token.empty();
  const std::string code = code_of(response);
  return code == "ExpiredToken" || code == "ExpiredTokenException" || code == "InvalidToken" ||
         code == "TokenRefreshRequired";
}

bool S3Store::worth_repeating(const http::Response& response) {
  if (http::is_transient(response)) return true;
  if (response.failure != http::Response::Failure::kNone) return false;
  // Long operations respond 200 at once and report errors in the body; bodies corrupted in transit
  // are rejected with 400.
  if (response.status != 200 && response.status != 400) return false;
  if (response.body.find("<Error>") == std::string::npos) return false;
  const std::string code = code_of(response);
  for (const char* passing : {"InternalError", "SlowDown", "ServiceUnavailable", "RequestTimeout",
                              "IncompleteBody", "BadDigest", "XAmzContentSHA256Mismatch"}) {
    if (code == passing) return true;
  }
  return false;
}

http::Request S3Store::get_request(const Uri& uri, const std::string& version) {
  http::Request get = request("GET", uri);
  get.headers.emplace_back("x-amz-checksum-mode", "ENABLED");
  if (!version.empty()) get.headers.emplace_back("If-Match", "\"" + version + "\"");
  return get;
}

http::Request S3Store::delete_request(const Uri& uri) { return request("DELETE", uri); }

Entry S3Store::described(const http::Response& response) {
  Entry entry;
  entry.version = unquoted(response.header("etag"));
  if (response.header("x-amz-server-side-encryption").starts_with("aws:kms")) return entry;
  if (const auto crc = response.header("x-amz-checksum-crc32c"); !crc.empty()) {
    entry.crc32c = parse_crc32c(crc);  // null for one of parts, "…-N"
  }
  const auto dash = entry.version.find('-');
  const auto part_size = bucket::parse_size(response.header("x-amz-meta-oko-part-size"));
  const std::string digest = entry.version.substr(0, dash);
  if (!is_md5(digest) || (dash != std::string::npos && !part_size.value_or(0))) return entry;
  entry.md5 = digest;
  if (dash != std::string::npos) entry.md5_part_size = *part_size;
  return entry;
}

std::optional<Entry> S3Store::stat_object(const Uri& uri) { return stat_object(uri, nullptr); }

std::optional<Entry> S3Store::stat_object(const Uri& uri, std::string* write_mark) {
  http::Request head = request("HEAD", uri);
  head.headers.emplace_back("x-amz-checksum-mode", "ENABLED");
  const http::Response response = send(head, uri);
  if (response.status == 404) return std::nullopt;
  if (!response.ok()) refuse(response, uri);
  Entry entry = described(response);
  entry.uri = uri.text();
  const auto size = bucket::parse_size(response.header("content-length"));
  if (!size) throw Error(ErrorCode::kStorage, uri.text(), "the server does not report its size");
  entry.size = *size;
  if (write_mark != nullptr) *write_mark = response.header("x-amz-meta-oko-write");
  return entry;
}

bool S3Store::bucket_exists(const Uri& uri) {
  const http::Response response = send(request("HEAD", uri.with_key("")), uri);
  if (response.status == 404) return false;
  if (!response.ok()) refuse(response, uri);
  return true;
}

void S3Store::check(const Uri& uri, const Precondition& precondition) {
  if (precondition.any()) return;
  const auto there = stat_object(uri);
  const bool holds =
      precondition.is_absent() ? !there : there && there->version == precondition.wanted_version();
  if (!holds) throw Conflict(uri.text());
}

bool S3Store::any_name(const Uri& prefix) {
  // List version 1: version 2 needs a token for truncated lists, which s3rver fails to create with
  // Node 17 or later.
  const std::string query = "max-keys=1&prefix=" + http::percent_encode(prefix.key());
  const http::Response response = send(request("GET", prefix.with_key(""), query), prefix);
  if (!response.ok()) refuse(response, prefix);
  return lists_any(response.body, prefix.text());
}

Page S3Store::list_page(const Uri& prefix, bool recursive, const std::string& token) {
  std::string query = "list-type=2";
  if (!token.empty()) query += "&continuation-token=" + http::percent_encode(token);
  if (!recursive) query += "&delimiter=%2F";
  if (!prefix.key().empty()) query += "&prefix=" + http::percent_encode(prefix.key());
  const http::Response response = send(request("GET", prefix.with_key(""), query), prefix);
  if (!response.ok()) refuse(response, prefix);
  Listing listing = parse_listing(response.body, prefix.text());
  std::vector<std::pair<std::string, Entry>> objects;
  for (ListedObject& object : listing.objects) {
    Entry entry;
    entry.size = object.size;
    entry.version = std::move(object.etag);
    objects.emplace_back(std::move(object.key), std::move(entry));
  }
  return page_of(prefix, std::move(objects), std::move(listing.prefixes), std::move(listing.next));
}

}  // namespace oko::storage::s3
