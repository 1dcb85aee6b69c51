#include "oko/serve/site.h"

#include <charconv>
#include <utility>

#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/serve/link.h"

namespace oko::serve {
namespace {

enum Status {
  kOk = 200,
  kCreated = 201,
  kBadRequest = 400,
  kForbidden = 403,
  kNotFound = 404,
  kMethodNotAllowed = 405,
  kLengthRequired = 411,
  kTooLarge = 413,
  kFailed = 500,
  kFull = 507
};

constexpr std::string_view kFrames = "frames", kState = "state.json", kModel = "model.oko";

Response refusal(Status status) { return {status, {}, {}}; }

Response json_response(Status status, const Json& document) {
  return {status, "application/json", Bytes(document.dump())};
}

bool is_read(std::string_view method) { return method == "GET" || method == "HEAD"; }

// The rest of the path after "/TOKEN/"; nothing if the token is not in it.
std::optional<std::string_view> within(std::string_view path, std::string_view token) {
  if (path.empty() || path.front() != '/') return std::nullopt;
  path.remove_prefix(1);
  const auto end = path.find('/');
  if (end == std::string_view::npos || !same_token(path.substr(0, end), token)) {
    return std::nullopt;
  }
  return path.substr(end + 1);
}

// Whether a browser that was given our `host` ("192.168.1.5:8443") calls it so: it leaves out the
// port that https has anyway.
bool is_name_of(std::string_view host, std::string_view given) {
  constexpr std::string_view kUsualPort = ":443";
  if (host.ends_with(kUsualPort) && !given.ends_with(kUsualPort)) {
    host.remove_suffix(kUsualPort.size());
  }
  return given == host;
}

// Browsers send none with what a person opens.
bool is_origin_of(std::string_view host, std::string_view given) {
  constexpr std::string_view kScheme = "https://";
  return given.empty() ||
         (given.starts_with(kScheme) && is_name_of(host, given.substr(kScheme.size())));
}

// A body whose length the client does not say, or says in two ways, is never read: what follows it
// could be taken for another request.
std::optional<Response> fault_in_length(const Request& request) {
  std::uint64_t length = 0;
  const std::string_view text = request.content_length;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (!request.transfer_encoding.empty() || text.empty() || error != std::errc() ||
      end != text.data() + text.size()) {
    return refusal(kLengthRequired);
  }
  if (length > kMostFrameBytes) return refusal(kTooLarge);
  return std::nullopt;
}

}  // namespace

Site::Site(std::string host, std::string token, Page page, Bytes model, KeptFrames frames,
           std::function<int()> seconds_left)
    : host_(std::move(host)),
      token_(std::move(token)),
      page_(std::move(page)),
      frames_(std::move(frames)),
      seconds_left_(std::move(seconds_left)) {
  page_[std::string(kModel)] = {"application/octet-stream", std::move(model)};
}

std::optional<Response> Site::answer(const Request& request) {
  // A page of another site whose name was made to lead here still has its own name in Host.
  if (!is_name_of(host_, request.host)) return refusal(kForbidden);
  const std::optional<std::string_view> name = within(request.path, token_);
  if (!name) return refusal(kNotFound);
  if (!is_origin_of(host_, request.origin)) return refusal(kForbidden);
  ++requests_;
  if (request.method == "POST") {
    if (*name != kFrames) return refusal(kMethodNotAllowed);
    return fault_in_length(request);
  }
  if (!is_read(request.method)) return refusal(kMethodNotAllowed);
  // A service worker would answer with this page after its server and its token are gone.
  if (!request.service_worker.empty()) return refusal(kNotFound);
  if (*name == kState) return state();
  const auto file = page_.find(name->empty() ? std::string_view("index.html") : *name);
  if (file == page_.end()) return refusal(kNotFound);
  return Response{kOk, file->second.type, file->second.content};
}

Response Site::keep(const Bytes& frame) {
  const auto fault = [](Status status, const std::string& why) {
    return json_response(status, {{"error", why}});
  };
  SentFrame sent;
  try {
    sent = parse_sent_frame(frame, static_cast<int>(frames_.classes().size()));
  } catch (const Error& error) {
    return fault(kBadRequest, error.message());
  }
  try {
    frames_.keep(sent);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kFailed) return fault(kFull, error.message());
    // Names of this computer's folders are no business of the phone's.
    return fault(kFailed, "the computer cannot store the frame");
  }
  kept_ = frames_.count();
  return json_response(kCreated, {{"kept", frames_.count()}});
}

Response Site::state() const {
  return json_response(
      kOk,
      {{"kept", frames_.count()}, {"most", frames_.most()}, {"seconds_left", seconds_left_()}});
}

}  // namespace oko::serve
