#include <algorithm>
#include <array>

#include "oko/storage/checksum.h"
#include "oko/storage/content_check.h"
#include "oko/storage/s3/answers.h"
#include "oko/storage/s3/s3_store.h"

namespace oko::storage::s3 {

http::Request Multipart::request(const std::string& method, int number) const {
  std::string query;
  if (number > 0) query = "partNumber=" + std::to_string(number) + "&";
  return store_.request(method, uri_, query + "uploadId=" + http::percent_encode(id_));
}

Multipart Multipart::begin(S3Store& store, const Uri& uri, std::uint64_t part_size) {
  http::Request post = store.request("POST", uri, "uploads");
  if (part_size > 0) {
    post.headers.emplace_back("x-amz-meta-oko-part-size", std::to_string(part_size));
  }
  // If the response is lost, an empty upload remains: its name is unknown.
  const http::Response response = store.send(post, uri);
  if (!response.ok()) store.refuse(response, uri);
  return Multipart(
      store, uri,
      parse_value(response.body, "InitiateMultipartUploadResult", "UploadId", uri.text()));
}

std::string Multipart::write_part(int number, std::span<const std::byte> content) {
  const auto digest = md5(content);
  http::Request put = request("PUT", number);
  put.body = {content};
  put.headers.emplace_back("Content-MD5", base64(digest));
  for (http::Retry retry(store_.client(), store_.options().retry, uri_.text());;) {
    const http::Response response = store_.send(put, uri_);
    if (!response.ok()) store_.refuse(response, uri_);
    const std::string etag = unquoted(response.header("etag"));
    const bool encrypted = response.header("x-amz-server-side-encryption").starts_with("aws:kms");
    if (encrypted || etag == hex(digest)) return etag;
    retry.wait("the server stored different content (a part's ETag is not its MD5)");
  }
}

std::string Multipart::copy_part(int number, const Uri& from, const std::string& version,
                                 std::uint64_t first, std::uint64_t last) {
  http::Request put = request("PUT", number);
  put.headers.emplace_back("x-amz-copy-source",
                           "/" + from.bucket() + "/" + http::percent_encode(from.key(), true));
  put.headers.emplace_back("x-amz-copy-source-if-match", "\"" + version + "\"");
  put.headers.emplace_back("x-amz-copy-source-range",
                           "bytes=" + std::to_string(first) + "-" + std::to_string(last));
  put.timeouts.stall *= 5;
  const http::Response response = store_.send(put, from);
  if (!response.ok() || parse_error(response.body)) store_.refuse(response, from);
  return unquoted(parse_value(response.body, "CopyPartResult", "ETag", from.text()));
}

Entry Multipart::complete(const std::vector<std::string>& etags, std::uint64_t size,
                          std::uint64_t part_size, const Precondition& precondition) {
  // For servers without preconditions here, they are checked just before.
  store_.check(uri_, precondition);
  std::string body = "<CompleteMultipartUpload>";
  std::vector<std::byte> digests;
  for (std::size_t i = 0; i < etags.size(); ++i) {
    body += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>\"" +
            xml_escaped(etags[i]) + "\"</ETag></Part>";
    for (std::size_t k = 0; k + 1 < etags[i].size(); k += 2) {
      digests.push_back(std::byte(std::strtoul(etags[i].substr(k, 2).c_str(), nullptr, 16)));
    }
  }
  body += "</CompleteMultipartUpload>";
  const std::string expected = md5_of_parts(digests) + "-" + std::to_string(etags.size());
  http::Request post = request("POST", 0);
  post.headers.emplace_back("Content-Type", "application/xml");
  post.body = {std::as_bytes(std::span(body))};
  post.timeouts.stall *= 5;
  add_precondition(post, precondition);
  bool uncertain = false;
  const http::Response response = store_.send(post, uri_, &uncertain);
  // The first successful request ends the upload; its response may have been lost.
  if (uncertain && !response.ok()) {
    auto there = store_.stat_object(uri_);
    if (there && there->version == expected) return *there;
  }
  if (!response.ok() || parse_error(response.body)) store_.refuse(response, uri_);
  Entry entry;
  entry.uri = uri_.text();
  entry.size = size;
  entry.version = parse_completed(response.body, uri_.text());
  if (entry.version.empty()) {  // Ceph 16 does not report it
    const auto there = store_.stat_object(uri_);
    if (!there || there->version != expected) throw Conflict(uri_.text());
    entry.version = there->version;
  }
  if (entry.version == expected && part_size > 0) {
    entry.md5 = expected.substr(0, 32);
    entry.md5_part_size = part_size;
  }
  return entry;
}

void Multipart::abort() noexcept {
  try {
    store_.send(request("DELETE", 0), uri_);
  } catch (const std::exception&) {
    // Leftovers are removed by the bucket's own rules; the first error is the one to report.
  }
}

std::optional<std::vector<std::pair<int, std::string>>> Multipart::stored(std::uint64_t part_size,
                                                                          std::uint64_t size) {
  std::vector<std::pair<int, std::string>> found;
  std::string marker;
  int last = 0;  // numbers go up
  do {
    std::string query = "uploadId=" + http::percent_encode(id_);
    if (!marker.empty()) query += "&part-number-marker=" + http::percent_encode(marker);
    const http::Response response = store_.send(store_.request("GET", uri_, query), uri_);
    // 405, 501: s3rver and the like cannot list them, so nothing can be reused.
    if (response.status == 404 || response.status == 405 || response.status == 501) {
      return std::nullopt;
    }
    if (!response.ok()) store_.refuse(response, uri_);
    const PartListing listing = parse_part_listing(response.body, uri_.text());
    for (const ListedPart& part : listing.parts) {
      const std::uint64_t from = static_cast<std::uint64_t>(part.number - 1) * part_size;
      if (from >= size || part.size != std::min(part_size, size - from)) continue;
      found.emplace_back(part.number, part.etag);
    }
    const int before = last;
    for (const ListedPart& part : listing.parts) last = std::max(last, part.number);
    if (last == before) break;  // avoid an endless loop
    marker = listing.next;
  } while (!marker.empty());
  return found;
}

}  // namespace oko::storage::s3
