#include "oko/weights/download.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>

#include "oko/base/error.h"
#include "oko/storage/http/redirect.h"

namespace oko::weights {
namespace {

namespace http = storage::http;

// The number at the beginning of `text`, which is removed from it.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

// Where the body of a 206 begins ("bytes 100-199/200"); nothing if the server does not say.
std::optional<std::uint64_t> first_byte(const http::Response& response) {
  std::string_view range = response.header("content-range");
  constexpr std::string_view kUnit = "bytes ";
  if (!range.starts_with(kUnit)) return std::nullopt;
  range.remove_prefix(kUnit.size());
  return take_number(range);
}

class Download {
 public:
  Download(const std::string& url, std::uint64_t size, const storage::local::File& part,
           const Options& options, Progress& progress)
      : url_(url),
        size_(size),
        part_(part),
        options_(options),
        client_(options.client != nullptr ? *options.client : http::shared_client()),
        progress_(progress),
        at_(part.size()) {
    if (at_ > size_) restart();
    show();
  }

  void run() {
    for (http::Retry retry(client_, options_.retry, url_); at_ < size_;) {
      const std::uint64_t before = at_;
      const http::Response response = send();
      if (at_ > before) retry.progress();
      if (response.ok()) {
        if (at_ < size_) refuse_size(fmt::format("{} bytes", at_));
      } else if (response.status == 416 && before > 0) {  // there are fewer bytes than before
        restart();
      } else if (http::is_transient(response)) {
        retry.wait(response);
      } else {
        http::refuse(response, url_);
      }
    }
  }

 private:
  // Follows redirects from the address anew each time: where they lead may expire.
  http::Response send() {
    std::string url = url_;
    for (int hop = 0;; ++hop) {
      http::Request request;
      request.url = url;
      if (at_ > 0) request.headers.emplace_back("Range", fmt::format("bytes={}-", at_));
      request.timeouts = options_.timeouts;
      request.begin = [this](const http::Response& response) { begin(response); };
      request.sink = [this](http::Span piece) { take(piece); };
      http::Response response = client_.send(request);
      if (!http::is_redirect(response)) return response;
      const auto next = http::resolve_location(http::origin_of(url), response.header("location"));
      if (!next || hop == http::kMostRedirects) {
        throw Error(ErrorCode::kStorage, url_,
                    next ? "is redirected too often" : "is redirected to what is not https");
      }
      url = next->url;
    }
  }

  void begin(const http::Response& response) {
    if (response.status == 206) {
      if (first_byte(response) == at_) return;
      throw Error(ErrorCode::kStorage, url_, "the server sent another part than it was asked for");
    }
    restart();  // the server sends all of it
    std::string_view length = response.header("content-length");
    const auto announced = take_number(length);
    if (announced && *announced != size_) refuse_size(fmt::format("{} bytes", *announced));
  }

  void take(http::Span piece) {
    if (piece.size() > size_ - at_) refuse_size("more bytes");
    part_.write_at(at_, piece);
    at_ += piece.size();
    show();
  }

  void restart() {
    empty(part_, url_);
    at_ = 0;
  }

  // A bar does not go back where a download begins again.
  void show() {
    if (at_ <= shown_) return;
    progress_.advance(at_ - shown_);
    shown_ = at_;
  }

  [[noreturn]] void refuse_size(const std::string& has) {
    empty(part_, url_);
    throw Error(ErrorCode::kStorage, url_,
                fmt::format("is another file: it has {}, the known one {}", has, size_));
  }

  const std::string& url_;
  std::uint64_t size_;
  const storage::local::File& part_;
  const Options& options_;
  http::Client& client_;
  Progress& progress_;
  std::uint64_t at_, shown_ = 0;
};

}  // namespace

void empty(const storage::local::File& part, const std::string& place) {
  if (::ftruncate(part.get(), 0) != 0) storage::local::refuse(place, "cannot write", errno);
}

void download(const std::string& url, std::uint64_t size, const storage::local::File& part,
              const Options& options, Progress& progress) {
  Download(url, size, part, options, progress).run();
}

}  // namespace oko::weights
