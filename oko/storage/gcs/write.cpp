#include <algorithm>

#include "oko/base/json.h"
#include "oko/storage/checksum.h"
#include "oko/storage/gcs/gcs_store.h"

namespace oko::storage::gcs {
namespace {

// More than this is uploaded in a resumable session.
constexpr std::size_t kOneRequest = std::size_t{16} << 20;
// Attempts after the server reports corruption: accidental corruption does not persist.
constexpr int kAttempts = 5;

Json metadata_of(const std::string& mark, std::optional<std::uint32_t> crc) {
  Json metadata = Json::object();
  if (crc) metadata["crc32c"] = crc32c_text(*crc);
  if (!mark.empty()) metadata["metadata"]["oko-write"] = mark;
  return metadata;
}

// If a response is lost, the object itself shows who wrote it.
std::string mark_for(const Precondition& precondition) {
  return precondition.any() ? "" : bucket::unique_name();
}

}  // namespace

Entry GcsStore::write(const Uri& uri, std::span<const std::byte> content,
                      const Precondition& precondition) {
  return content.size() <= kOneRequest ? write_at_once(uri, content, precondition)
                                       : write_by_session(uri, content, precondition);
}

Entry GcsStore::write_at_once(const Uri& uri, std::span<const std::byte> content,
                              const Precondition& precondition) {
  const std::uint32_t crc = crc32c(content);
  const std::string mark = mark_for(precondition), boundary = bucket::unique_name();
  const std::string head = "--" + boundary +
                           "\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n" +
                           metadata_of(mark, crc).dump() + "\r\n--" + boundary +
                           "\r\nContent-Type: application/octet-stream\r\n\r\n";
  const std::string tail = "\r\n--" + boundary + "--\r\n";
  http::Request post = request("POST", upload_url(uri, "multipart", precondition));
  post.headers.emplace_back("Content-Type", "multipart/related; boundary=" + boundary);
  post.body = {std::as_bytes(std::span(head)), content, std::as_bytes(std::span(tail))};
  http::Retry retry(client(), options_.retry, uri.text());
  bool uncertain = false;
  for (int attempts = 1;; ++attempts) {
    const http::Response response = send(post, uri, &uncertain);
    if (response.status == 412 && uncertain) {
      auto made = made_before(uri, mark);
      if (made && made->crc32c == crc) return *made;
    }
    const bool broken = response.status == 400 && attempts < kAttempts;
    if (!response.ok() && !broken) refuse(response, uri);
    if (response.ok()) {
      Entry entry = parse_object(response.body, uri.text()).entry;
      entry.uri = uri.text();
      if (entry.size == content.size() && entry.crc32c.value_or(crc) == crc) return entry;
      uncertain = true;
    }
    retry.wait(broken ? "the request was corrupted in transit"
                      : "the server stored different content");
  }
}

Entry GcsStore::write_by_session(const Uri& uri, std::span<const std::byte> content,
                                 const Precondition& precondition) {
  const std::uint32_t crc = crc32c(content);
  const std::string mark = mark_for(precondition);
  const std::string metadata = metadata_of(mark, crc).dump();
  http::Retry retry(client(), options_.retry, uri.text());
  for (int attempts = 1;; ++attempts) {
    try {
      Session session(*this, uri, precondition, metadata);
      return session.finish(0, content, content.size(), crc);
    } catch (const Session::Lost&) {
      retry.wait("the upload session was lost");
    } catch (const Conflict&) {
      // An earlier session may have created it and lost the response.
      if (attempts == 1) throw;
      auto made = made_before(uri, mark);
      if (!made) throw;
      return *made;
    }
  }
}

Entry GcsStore::compose(const std::vector<Source>& sources, const Uri& to,
                        const Precondition& precondition) {
  const std::string mark = mark_for(precondition);
  Json body = {{"sourceObjects", Json::array()}, {"destination", metadata_of(mark, {})}};
  body["destination"]["contentType"] = "application/octet-stream";
  std::uint32_t crc = 0;
  std::uint64_t size = 0;
  for (const Source& source : sources) {
    Json item = {{"name", source.key}};
    if (!source.generation.empty()) {
      item["generation"] = source.generation;
      item["objectPreconditions"]["ifGenerationMatch"] = source.generation;
    }
    body["sourceObjects"].push_back(std::move(item));
    crc = crc32c_combine(crc, source.crc32c, source.size);
    size += source.size;
  }
  const std::string text = body.dump();
  const std::string condition = condition_query(precondition);
  http::Request post =
      request("POST", object_url(to) + "/compose" + (condition.empty() ? "" : "?" + condition));
  post.headers.emplace_back("Content-Type", "application/json");
  post.body = {std::as_bytes(std::span(text))};
  post.timeouts.stall *= 5;
  bool uncertain = false;
  const http::Response response = send(post, to, &uncertain);
  Entry entry;
  // 404: a source's generation no longer exists, possibly because it is also the target.
  const bool changed = response.status == 412 || response.status == 404;
  const auto made = changed && uncertain ? made_before(to, mark) : std::nullopt;
  if (made) {
    entry = *made;
  } else {
    if (changed) throw Conflict(to.text());
    if (!response.ok()) refuse(response, to);
    entry = parse_object(response.body, to.text()).entry;
    entry.uri = to.text();
  }
  if (entry.size != size || entry.crc32c.value_or(crc) != crc) {
    throw Error(ErrorCode::kStorage, to.text(), "was composed incorrectly", "write the file again");
  }
  return entry;
}

Entry GcsStore::compose(const std::vector<Uri>& from, const Uri& to,
                        const Precondition& precondition) {
  if (from.empty()) return write(to, {}, precondition);
  if (from.size() > kMostSources) {
    throw Error(ErrorCode::kUsage, to.text(), "cannot be composed of more than 32 objects",
                "compose some of them first");
  }
  std::vector<Source> sources;
  for (const Uri& one : from) {
    if (one.bucket() != to.bucket()) {
      throw Error(ErrorCode::kUsage, one.text(), "is in another bucket than " + to.text(),
                  "copy it first");
    }
    const auto there = stat_object(one);
    if (!there) throw input_error(one.text(), "no such object", "check the name");
    if (!there->crc32c) {
      throw Error(ErrorCode::kStorage, one.text(), "the server reports no crc32c");
    }
    sources.push_back({one.key(), there->version, *there->crc32c, there->size});
  }
  return compose(sources, to, precondition);
}

Entry GcsStore::append_to(const Uri& uri, const std::optional<Entry>& there,
                          std::span<const std::byte> content) {
  if (!there || there->size == 0 || !there->crc32c) {
    return write_at_once(uri, content,
                         there ? Precondition::version(there->version) : Precondition::absent());
  }
  const Uri piece = uri.with_key(std::string(kPartsFolder) + bucket::unique_name());
  const Entry written = write_at_once(piece, content, {});
  Entry entry;
  try {
    entry = compose({{uri.key(), there->version, *there->crc32c, there->size},
                     {piece.key(), written.version, crc32c(content), content.size()}},
                    uri, Precondition::version(there->version));
  } catch (...) {
    remove_quietly({piece});
    throw;
  }
  remove_quietly({piece});
  return entry;
}

Entry GcsStore::copy(const Uri& from, const Uri& to, const Precondition& precondition) {
  const auto there = stat_object(from);
  if (!there) throw input_error(from.text(), "no such object", "check the name");
  std::string url = object_url(from) + "/rewriteTo/b/" + http::percent_encode(to.bucket()) + "/o/" +
                    http::percent_encode(to.key()) + "?ifSourceGenerationMatch=" + there->version;
  if (!precondition.any()) url += "&" + condition_query(precondition);
  bool uncertain = false;
  std::string token;
  // Each call copies at least 1 MiB if it cannot copy everything.
  for (std::uint64_t calls = 0; calls < 1000 + (there->size >> 20); ++calls) {
    http::Request post =
        request("POST", token.empty() ? url : url + "&rewriteToken=" + http::percent_encode(token));
    post.timeouts.stall *= 5;
    const http::Response response = send(post, to, &uncertain);
    if (response.status == 412 && uncertain) {
      // An attempt without a response may have created it: then it has the source's content.
      auto made = stat_object(to);
      if (made && made->crc32c == there->crc32c && made->size == there->size) return *made;
    }
    if (!response.ok()) refuse(response, to);
    Rewrite rewrite = parse_rewrite(response.body, to.text());
    if (rewrite.object) {
      rewrite.object->entry.uri = to.text();
      return rewrite.object->entry;
    }
    token = rewrite.token;
  }
  throw Error(ErrorCode::kStorage, to.text(), "the server never finishes copying",
              "this is a server error: try again later");
}

}  // namespace oko::storage::gcs
