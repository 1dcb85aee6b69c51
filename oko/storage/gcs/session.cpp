#include "oko/storage/checksum.h"
#include "oko/storage/gcs/gcs_store.h"

namespace oko::storage::gcs {

Session::Session(GcsStore& store, const Uri& uri, const Precondition& precondition,
                 std::string_view metadata)
    : store_(store), uri_(uri) {
  http::Request post = store_.request("POST", store_.upload_url(uri, "resumable", precondition));
  post.headers = {{"Content-Type", "application/json; charset=UTF-8"},
                  {"X-Upload-Content-Type", "application/octet-stream"}};
  post.body = {std::as_bytes(std::span(metadata))};
  const http::Response response = store_.send(post, uri_);
  if (!response.ok()) store_.refuse(response, uri_);
  url_ = response.header("location");
  // A session elsewhere would receive our token.
  if (!url_.starts_with("https://") &&
      url_.compare(0, post.url.find("/upload/"), post.url, 0, post.url.find("/upload/")) != 0) {
    throw Error(ErrorCode::kStorage, uri_.text(), "the server started no upload session");
  }
}

http::Response Session::put(std::uint64_t from, std::span<const std::byte> content,
                            std::optional<std::uint64_t> total, std::uint32_t crc) {
  http::Request put = store_.request("PUT", url_);
  const std::string whole = total ? std::to_string(*total) : "*";
  const std::string range =
      content.empty() ? "*"
                      : std::to_string(from) + "-" + std::to_string(from + content.size() - 1);
  put.headers.emplace_back("Content-Range", "bytes " + range + "/" + whole);
  if (total) put.headers.emplace_back("X-Goog-Hash", "crc32c=" + crc32c_text(crc));
  put.body = {content};
  return store_.attempt(put);
}

std::optional<Entry> Session::push(std::uint64_t offset, std::span<const std::byte> content,
                                   std::optional<std::uint64_t> total, std::uint32_t crc) {
  const std::uint64_t end = offset + content.size();
  std::uint64_t held = offset;
  bool ask = false;  // query the received size instead of sending more
  for (http::Retry retry(store_.client(), store_.options().retry, uri_.text());;) {
    const auto rest = ask ? std::span<const std::byte>() : content.subspan(held - offset);
    const http::Response response = put(held, rest, total, crc);
    if (response.failure != http::Response::Failure::kNone || http::is_transient(response)) {
      if (!http::is_transient(response)) http::refuse(response, uri_.text());
      retry.wait(response);
      ask = true;
      continue;
    }
    if (response.ok()) {
      Entry entry = parse_object(response.body, uri_.text()).entry;
      entry.uri = uri_.text();
      return entry;
    }
    if (response.status == 404 || response.status == 410) throw Lost{};
    if (response.status == 400 && response.body.find("doesn't match") != std::string::npos) {
      throw Lost{};  // corrupted in transit; this ends the session
    }
    const auto now = parse_held(response.header("range"));
    if (response.status != 308) store_.refuse(response, uri_);
    if (!now || *now < offset || *now > end) throw Lost{};
    if (*now > held) retry.progress();
    const bool stuck = *now == held && !ask && !rest.empty();
    held = *now;
    if (held == end && !total) return std::nullopt;
    if (stuck) retry.wait("the server accepted none of the data");
    ask = held == end;
    if (ask && rest.empty()) retry.wait("the server has all data but does not create the object");
  }
}

void Session::send(std::uint64_t offset, std::span<const std::byte> content) {
  if (push(offset, content, std::nullopt, 0)) throw Lost{};  // must not be complete yet
}

Entry Session::finish(std::uint64_t offset, std::span<const std::byte> content, std::uint64_t total,
                      std::uint32_t crc) {
  Entry entry = *push(offset, content, total, crc);
  if (entry.size != total || entry.crc32c.value_or(crc) != crc) {
    throw Error(ErrorCode::kStorage, uri_.text(), "the server stored different content",
                "write the file again");
  }
  return entry;
}

void Session::cancel() noexcept {
  try {
    store_.attempt(store_.request("DELETE", url_));
  } catch (const std::exception&) {
    // It expires after a week.
  }
}

}  // namespace oko::storage::gcs
