#include "oko/storage/gcs/gcs_store.h"

#include <algorithm>
#include <iterator>

#include "oko/base/json.h"
#include "oko/base/threads.h"
#include "oko/storage/bucket/content_range.h"
#include "oko/storage/checksum.h"
#include "oko/storage/pages.h"

namespace oko::storage {

GcsOptions gcs_options(const bucket::Environment& environment) {
  GcsOptions options;
  options.environment = environment;
  if (std::string host = environment("STORAGE_EMULATOR_HOST"); !host.empty()) {
    if (host.find("://") == std::string::npos) host.insert(0, "http://");
    options.endpoint = host;
    options.anonymous = true;
    options.project = "emulator";  // which requires any project
  }
  if (bucket::is_true(environment("CLOUDSDK_AUTH_DISABLE_CREDENTIALS"))) options.anonymous = true;
  for (const char* variable : {"CLOUDSDK_CORE_PROJECT", "GOOGLE_CLOUD_PROJECT"}) {
    if (std::string project = environment(variable); !project.empty()) options.project = project;
  }
  return options;
}

std::unique_ptr<Store> make_gcs_store(const GcsOptions& options) {
  return std::make_unique<gcs::GcsStore>(options);
}

}  // namespace oko::storage

namespace oko::storage::gcs {
namespace {

constexpr const char* kFields = "name,size,generation,crc32c,md5Hash,metadata";

// The values of "crc32c=…,md5=…", which may be one header or two.
std::string hash_in(const http::Response& response, std::string_view kind) {
  for (const auto& [name, value] : response.headers) {
    if (name != "x-goog-hash") continue;
    for (std::string_view rest = value; !rest.empty();) {
      std::string_view one = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(rest.size(), one.size() + 1));
      while (one.starts_with(' ')) one.remove_prefix(1);
      if (one.starts_with(kind)) return std::string(one.substr(kind.size()));
    }
  }
  return {};
}

}  // namespace

std::string condition_query(const Precondition& precondition) {
  if (precondition.any()) return {};
  return "ifGenerationMatch=" +
         (precondition.is_absent() ? "0" : http::percent_encode(precondition.wanted_version()));
}

GcsStore::GcsStore(const GcsOptions& options)
    : BucketStore(options), options_(options), tokens_(options) {
  while (options_.endpoint.ends_with('/')) options_.endpoint.pop_back();
  if (!options_.endpoint.starts_with("http://") && !options_.endpoint.starts_with("https://")) {
    throw Error(ErrorCode::kUsage, "STORAGE_EMULATOR_HOST", "is not an address",
                "use HOST:PORT or http://HOST:PORT");
  }
}

std::string GcsStore::bucket_url(const std::string& bucket) const {
  return options_.endpoint + "/storage/v1/b/" + http::percent_encode(bucket);
}

std::string GcsStore::object_url(const Uri& uri) const {
  return bucket_url(uri.bucket()) + "/o/" + http::percent_encode(uri.key());
}

std::string GcsStore::upload_url(const Uri& uri, const char* kind,
                                 const Precondition& precondition) const {
  const std::string condition = condition_query(precondition);
  return options_.endpoint + "/upload/storage/v1/b/" + http::percent_encode(uri.bucket()) +
         "/o?uploadType=" + kind + "&name=" + http::percent_encode(uri.key()) +
         (condition.empty() ? "" : "&" + condition);
}

http::Request GcsStore::request(const std::string& method, const std::string& url) const {
  http::Request request;
  request.method = method;
  request.url = url;
  request.timeouts = options_.timeouts;
  request.max_body = 16 << 20;
  return request;
}

http::Response GcsStore::attempt(const http::Request& request) {
  for (bool renewed = false;; renewed = true) {
    const std::string token = tokens_.get();
    http::Request ready = request;
    if (!token.empty()) ready.headers.emplace_back("Authorization", "Bearer " + token);
    http::Response response = client().send(ready);
    if (response.status != 401 || renewed || token.empty()) return response;
    tokens_.renew(token);
    ++http::counters().refreshed;
  }
}

bool GcsStore::worth_repeating(const http::Response& response) {
  if (http::is_transient(response)) return true;
  // Corruption in transit; our own checksums match what we send.
  if (response.failure != http::Response::Failure::kNone || response.status != 400) return false;
  return response.body.find("doesn't match calculated") != std::string::npos;
}

http::Request GcsStore::get_request(const Uri& uri, const std::string& version) {
  std::string url = object_url(uri) + "?alt=media";
  if (!version.empty()) url += "&ifGenerationMatch=" + http::percent_encode(version);
  http::Request get = request("GET", url);
  get.headers.emplace_back("Accept-Encoding", "gzip");  // as stored, never decompressed
  return get;
}

Entry GcsStore::described(const http::Response& response) {
  Entry entry;
  entry.version = response.header("x-goog-generation");
  entry.crc32c = parse_crc32c(hash_in(response, "crc32c="));
  const auto digest = from_base64(hash_in(response, "md5="));
  if (digest && digest->size() == 16) entry.md5 = hex(std::as_bytes(std::span(*digest)));
  return entry;
}

std::optional<Object> GcsStore::look(const Uri& uri) {
  const http::Response response =
      send(request("GET", object_url(uri) + "?fields=" + http::percent_encode(kFields)), uri);
  if (response.status == 404) return std::nullopt;
  if (!response.ok()) refuse(response, uri);
  Object object = parse_object(response.body, uri.text());
  object.entry.uri = uri.text();
  return object;
}

std::optional<Entry> GcsStore::stat_object(const Uri& uri) {
  auto object = look(uri);
  if (!object) return std::nullopt;
  return std::move(object->entry);
}

std::optional<Entry> GcsStore::made_before(const Uri& uri, const std::string& mark) {
  auto object = look(uri);
  if (!object || mark.empty() || object->write_mark != mark) return std::nullopt;
  return std::move(object->entry);
}

bool GcsStore::bucket_exists(const Uri& uri) {
  const http::Response response =
      send(request("GET", bucket_url(uri.bucket()) + "?fields=name"), uri);
  if (response.status == 404) return false;
  if (!response.ok()) refuse(response, uri);
  return true;
}

bool GcsStore::any_name(const Uri& prefix) {
  Pages pages(prefix.text(), [&](const std::string& token) {  // some may be empty
    std::string query = "?maxResults=1&prefix=" + http::percent_encode(prefix.key());
    if (!token.empty()) query += "&pageToken=" + http::percent_encode(token);
    const http::Response response =
        send(request("GET", bucket_url(prefix.bucket()) + "/o" + query), prefix);
    if (!response.ok()) refuse(response, prefix);
    const Listing listing = parse_listing(response.body, prefix.text());
    Page page;  // only the number of entries matters
    page.entries.resize(listing.objects.size());
    page.next = listing.next;
    return page;
  });
  for (Page page; pages.next(page);) {
    if (!page.entries.empty()) return true;
  }
  return false;
}

Page GcsStore::list_page(const Uri& prefix, bool recursive, const std::string& token) {
  std::string query = "?fields=" + http::percent_encode(
                                       "items(name,size,generation,crc32c,md5Hash),prefixes,"
                                       "nextPageToken");
  if (!recursive) query += "&delimiter=%2F";
  if (!token.empty()) query += "&pageToken=" + http::percent_encode(token);
  if (!prefix.key().empty()) query += "&prefix=" + http::percent_encode(prefix.key());
  const http::Response response =
      send(request("GET", bucket_url(prefix.bucket()) + "/o" + query), prefix);
  if (!response.ok()) refuse(response, prefix);
  Listing listing = parse_listing(response.body, prefix.text());
  const bool show_parts = prefix.key().starts_with(kPartsFolder);
  std::vector<std::pair<std::string, Entry>> objects;
  for (Object& object : listing.objects) {
    if (!show_parts && object.name.starts_with(kPartsFolder)) continue;
    objects.emplace_back(std::move(object.name), std::move(object.entry));
  }
  if (!show_parts) std::erase(listing.prefixes, kPartsFolder);
  return page_of(prefix, std::move(objects), std::move(listing.prefixes), std::move(listing.next));
}

std::vector<Object> GcsStore::list_parts(const Uri& folder) {
  std::vector<Object> all;
  Pages pages(folder.text(), [&](const std::string& token) {
    std::string url =
        bucket_url(folder.bucket()) + "/o?prefix=" + http::percent_encode(folder.key());
    if (!token.empty()) url += "&pageToken=" + http::percent_encode(token);
    const http::Response response = send(request("GET", url), folder);
    if (!response.ok()) refuse(response, folder);
    Listing listing = parse_listing(response.body, folder.text());
    Page page;  // without entries: only the token matters
    page.entries.resize(listing.objects.size());
    page.next = listing.next;
    std::move(listing.objects.begin(), listing.objects.end(), std::back_inserter(all));
    return page;
  });
  for (Page page; pages.next(page);) continue;
  return all;
}

http::Request GcsStore::delete_request(const Uri& uri) {
  return request("DELETE", object_url(uri));
}

void GcsStore::remove_many(const std::vector<Uri>& uris) {
  constexpr std::size_t kAtOnce = 16;
  ThreadPool pool(static_cast<int>(std::min(kAtOnce, uris.size())));
  pool.parallel_for(uris.size(), [&](std::size_t i) { remove(uris[i]); });
}

void GcsStore::remove_quietly(const std::vector<Uri>& uris) noexcept {
  try {
    remove_many(uris);
  } catch (const std::exception&) {
    // Lists skip them; the first error is the one to report.
  }
}

void GcsStore::make_bucket(const Uri& uri, const BucketOptions& bucket_options) {
  bucket::check_new_bucket_name(uri);
  std::string project = bucket_options.project;
  if (project.empty()) project = options_.project;
  if (project.empty()) project = tokens_.project();
  if (project.empty()) {
    throw Error(ErrorCode::kUsage, uri.text(), "a bucket belongs to a project, but none is given",
                "set GOOGLE_CLOUD_PROJECT");
  }
  Json settings = {{"name", uri.bucket()}};
  if (!bucket_options.location.empty()) settings["location"] = bucket_options.location;
  if (!bucket_options.storage_class.empty()) {
    settings["storageClass"] = bucket_options.storage_class;
  }
  settings["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"] =
      bucket_options.uniform_access;
  const std::string body = settings.dump();
  http::Request post =
      request("POST", options_.endpoint + "/storage/v1/b?project=" + http::percent_encode(project));
  post.headers.emplace_back("Content-Type", "application/json");
  post.body = {std::as_bytes(std::span(body))};
  const http::Request bucket_request = request("GET", bucket_url(uri.bucket()) + "?fields=name");
  bool uncertain = false;
  const http::Response response = send(post, uri, &uncertain);
  if (response.status == 409) {
    // Created by the attempt whose response was lost, unless we have no access to it.
    if (uncertain && send(bucket_request, uri).ok()) return;
    throw Error(ErrorCode::kStorage, uri.text(), "the bucket already exists",
                "use it if it is yours, or choose another name");
  }
  if (!response.ok()) refuse(response, uri);
}

void GcsStore::refuse(const http::Response& response, const Uri& uri) {
  const ErrorAnswer answer = parse_error(response.body);
  const std::string said = answer.message.empty() ? "" : ": " + answer.message;
  switch (response.status) {
    case 412:
      throw Conflict(uri.text());
    case 404:
      if (answer.message.find("bucket does not exist") != std::string::npos) {
        throw input_error(uri.text(), "no such bucket",
                          "check the name, or create it with oko store mb");
      }
      throw input_error(uri.text(), "no such object", "check the name");
    case 401:
      if (options_.anonymous) {
        throw Error(ErrorCode::kStorage, uri.text(),
                    "access denied; requests are sent without credentials",
                    "unset STORAGE_EMULATOR_HOST and CLOUDSDK_AUTH_DISABLE_CREDENTIALS");
      }
      throw Error(ErrorCode::kStorage, uri.text(), "the credentials are no longer valid",
                  "log in again (gcloud auth application-default login) or create a new key");
    case 403:
      throw Error(ErrorCode::kStorage, uri.text(), "access denied" + said,
                  "give the account a role for the bucket (Storage Object Admin)");
    case 400:
      if (answer.message.find("bucket name") != std::string::npos) {
        throw Error(ErrorCode::kUsage, uri.text(), "is not a valid bucket name" + said,
                    "choose another");
      }
      [[fallthrough]];
    default:
      throw Error(ErrorCode::kStorage, uri.text(),
                  "the server responded " + std::to_string(response.status) + said);
  }
}

}  // namespace oko::storage::gcs
