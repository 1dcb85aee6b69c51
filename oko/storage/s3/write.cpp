#include <algorithm>
#include <map>

#include "oko/storage/checksum.h"
#include "oko/storage/content_check.h"
#include "oko/storage/s3/answers.h"
#include "oko/storage/s3/s3_store.h"

namespace oko::storage::s3 {
namespace {

constexpr std::uint64_t kSmallestPart = std::uint64_t{5} << 20;
constexpr std::uint64_t kBiggestPart = std::uint64_t{5} << 30;
// More than this is uploaded in parts: an interruption then costs one part, not everything.
constexpr std::uint64_t kOneRequest = std::uint64_t{256} << 20;

}  // namespace

Entry S3Store::write(const Uri& uri, std::span<const std::byte> content,
                     const Precondition& precondition) {
  if (content.size() > kOneRequest) {
    const auto whole = upload(uri, precondition);
    whole->write(content);
    return whole->finish();
  }
  const auto digest = md5(content);
  http::Request put = request("PUT", uri);
  put.body = {content};
  put.headers.emplace_back("Content-MD5", base64(digest));
  add_precondition(put, precondition);
  // If a response is lost, the object itself shows who wrote it.
  const std::string mark = precondition.any() ? "" : bucket::unique_name();
  if (!mark.empty()) put.headers.emplace_back("x-amz-meta-oko-write", mark);
  Entry entry;
  entry.uri = uri.text();
  entry.size = content.size();
  for (http::Retry retry(client(), options().retry, uri.text());;) {
    bool uncertain = false;
    const http::Response response = send(put, uri, &uncertain);
    if (response.status == 412 && uncertain) {
      std::string found;
      auto there = stat_object(uri, &found);
      if (there && found == mark) return *there;
    }
    if (!response.ok()) refuse(response, uri);
    entry.version = unquoted(response.header("etag"));
    entry.md5 = described(response).md5;
    if (entry.md5.empty() || entry.md5 == hex(digest)) return entry;
    retry.wait("the server stored different content (its ETag is not the content's MD5)");
  }
}

Entry S3Store::append_to(const Uri& uri, const std::optional<Entry>& there,
                         std::span<const std::byte> content) {
  if (!there || there->size == 0) {
    return write(uri, content,
                 there ? Precondition::version(there->version) : Precondition::absent());
  }
  const Precondition unchanged = Precondition::version(there->version);
  if (there->size < kSmallestPart) {
    // As a whole, as only that is checked against its checksum: a corrupted byte would otherwise
    // persist.
    const Bytes old = read(uri, {});
    std::vector<std::byte> whole(old.span().begin(), old.span().end());
    whole.insert(whole.end(), content.begin(), content.end());
    return write(uri, whole, unchanged);
  }
  Multipart multipart = Multipart::begin(*this, uri, 0);
  try {
    std::vector<std::string> etags;
    for (std::uint64_t at = 0; at < there->size;) {
      // The rest is never too small for a separate part.
      std::uint64_t count = std::min(there->size - at, kBiggestPart);
      if (there->size - at - count < kSmallestPart && count < there->size - at) {
        count -= kSmallestPart;
      }
      etags.push_back(multipart.copy_part(static_cast<int>(etags.size()) + 1, uri, there->version,
                                          at, at + count - 1));
      at += count;
    }
    etags.push_back(multipart.write_part(static_cast<int>(etags.size()) + 1, content));
    return multipart.complete(etags, there->size + content.size(), 0, unchanged);
  } catch (...) {
    multipart.abort();
    throw;
  }
}

Entry S3Store::copy(const Uri& from, const Uri& to, const Precondition& precondition) {
  const auto there = stat_object(from);
  if (!there) throw input_error(from.text(), "no such object", "check the name");
  // Only completing a multipart upload supports a precondition for the target.
  if (!precondition.any() || there->size > kBiggestPart) return compose({from}, to, precondition);
  http::Request put = request("PUT", to);
  put.headers.emplace_back("x-amz-copy-source",
                           "/" + from.bucket() + "/" + http::percent_encode(from.key(), true));
  put.headers.emplace_back("x-amz-copy-source-if-match", "\"" + there->version + "\"");
  put.timeouts.stall *= 5;
  const http::Response response = send(put, to);
  if (!response.ok() || parse_error(response.body)) {
    refuse(response, response.status == 404 || response.status == 412 ? from : to);
  }
  Entry entry = *there;
  entry.uri = to.text();
  entry.version = unquoted(parse_value(response.body, "CopyObjectResult", "ETag", to.text()));
  if (entry.version != there->version) {  // a copy of a multipart object is a single piece
    entry.md5.clear();
    entry.md5_part_size = 0;
  }
  return entry;
}

Entry S3Store::compose(const std::vector<Uri>& from, const Uri& to,
                       const Precondition& precondition) {
  std::vector<std::pair<Uri, Entry>> sources;
  std::uint64_t size = 0;
  for (const Uri& one : from) {
    const auto there = stat_object(one);
    if (!there) throw input_error(one.text(), "no such object", "check the name");
    if (there->size == 0) continue;
    sources.emplace_back(one, *there);
    size += there->size;
  }
  if (sources.empty()) return write(to, {}, precondition);
  for (std::size_t i = 0; i + 1 < sources.size(); ++i) {
    if (sources[i].second.size < kSmallestPart) {
      throw Error(ErrorCode::kUsage, sources[i].second.uri,
                  "is shorter than 5 MiB, which S3 allows only for the last part",
                  "read and write it instead");
    }
  }
  Multipart multipart = Multipart::begin(*this, to, 0);
  try {
    std::vector<std::string> etags;
    for (const auto& [one, there] : sources) {
      const std::uint64_t pieces = (there.size + kBiggestPart - 1) / kBiggestPart;
      for (std::uint64_t i = 0; i < pieces; ++i) {
        etags.push_back(multipart.copy_part(static_cast<int>(etags.size()) + 1, one, there.version,
                                            there.size * i / pieces,
                                            there.size * (i + 1) / pieces - 1));
      }
    }
    return multipart.complete(etags, size, 0, precondition);
  } catch (...) {
    multipart.abort();
    throw;
  }
}

void S3Store::remove_many(const std::vector<Uri>& uris) {
  constexpr std::size_t kMost = 1000;  // a request
  std::map<std::string, std::vector<Uri>> by_bucket;
  for (const Uri& uri : uris) by_bucket[uri.bucket()].push_back(uri);
  for (const auto& [bucket, all] : by_bucket) {
    for (std::size_t at = 0; at < all.size(); at += kMost) {
      remove_some(std::span(all).subspan(at, std::min(kMost, all.size() - at)));
    }
  }
}

void S3Store::remove_some(std::span<const Uri> uris) {
  std::string body = "<Delete><Quiet>true</Quiet>";
  for (const Uri& uri : uris) {
    body += "<Object><Key>" + xml_escaped(uri.key()) + "</Key></Object>";
  }
  body += "</Delete>";
  const auto bytes = std::as_bytes(std::span(body));
  const Uri bucket = uris.front().with_key("");
  http::Request post = request("POST", bucket, "delete");
  post.headers = {{"Content-Type", "application/xml"}, {"Content-MD5", base64(md5(bytes))}};
  post.body = {bytes};
  const http::Response response = send(post, bucket);
  if (!response.ok()) refuse(response, bucket);
  const auto failures = parse_delete_failures(response.body, bucket.text());
  for (const DeleteFailure& failure : failures) {
    if (failure.code == "NoSuchKey") continue;
    throw Error(ErrorCode::kStorage, bucket.with_key(failure.key).text(),
                "cannot be removed: " + failure.code,
                failures.size() > 1 ? std::to_string(failures.size()) + " files remain" : "");
  }
}

void S3Store::make_bucket(const Uri& uri, const BucketOptions& bucket_options) {
  bucket::check_new_bucket_name(uri);
  if (!bucket_options.storage_class.empty()) {
    throw Error(ErrorCode::kUsage, uri.text(), "S3 has no storage class for a whole bucket",
                "remove --class");
  }
  std::string location = bucket_options.location;
  // Amazon requires it even if the request goes to that region; other servers have different region
  // names.
  if (location.empty() && options_.endpoint.empty()) location = options_.region;
  std::string body;
  if (!location.empty() && location != "us-east-1") {
    body =
        "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        "<LocationConstraint>" +
        xml_escaped(location) + "</LocationConstraint></CreateBucketConfiguration>";
  }
  // Servers report success for a bucket you already own; we must not.
  const http::Request look = request("HEAD", uri);
  const http::Response there = send(look, uri);
  if (there.ok() || there.status == 301) {
    throw Error(ErrorCode::kStorage, uri.text(), "the bucket already exists",
                there.ok() ? "use it" : "it belongs to someone else: choose another name");
  }
  http::Request put = request("PUT", uri);
  put.body = {std::as_bytes(std::span(body))};
  if (!bucket_options.uniform_access) {
    put.headers.emplace_back("x-amz-object-ownership", "ObjectWriter");
  }
  bool uncertain = false;
  const http::Response response = send(put, uri, &uncertain);
  if (response.ok()) return;
  // Created by the attempt whose response was lost. Servers differ in their response for an
  // existing bucket; someone else's would not suddenly be accessible.
  if (uncertain && response.status == 409 && send(look, uri).ok()) return;
  refuse(response, uri);
}

}  // namespace oko::storage::s3
