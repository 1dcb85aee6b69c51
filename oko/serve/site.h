#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "oko/base/bytes.h"
#include "oko/serve/kept_frames.h"
#include "oko/serve/page.h"

namespace oko::serve {

// A request as far as it is of interest. Header values are "" if there is no such header.
struct Request {
  std::string_view method;
  std::string_view path;  // as sent: percent signs are not decoded, the query is cut off
  std::string_view host, origin;
  std::string_view service_worker;  // the header that a browser fetches such a script with
  std::string_view content_length;
  std::string_view transfer_encoding;
};

struct Response {
  int status = 404;
  std::string type;
  Bytes content;
};

// What the server answers: the page, the model, the page's state, and keeping a frame; for all that
// does not have the link only 403 and 404. Nothing here knows of sockets.
class Site {
 public:
  // `host` is where the site is reached ("192.168.1.5:8443"); that in requests must be the same,
  // but may be without ":443".
  Site(std::string host, std::string token, Page page, Bytes model, KeptFrames frames,
       std::function<int()> seconds_left);

  // The answer from the headers alone. Nothing: a frame is sent, whose size is within the limit,
  // and keep() has the answer to its body. Only one thread at a time may call these two.
  std::optional<Response> answer(const Request& request);
  Response keep(const Bytes& frame);

  // Thread-safe: how often somebody who has the link asked for something, and what was kept.
  int requests() const { return requests_; }
  int kept() const { return kept_; }
  // Not thread-safe: read it when the server has stopped.
  const KeptFrames& frames() const { return frames_; }

 private:
  Response state() const;

  std::string host_, token_;
  Page page_;
  KeptFrames frames_;
  std::function<int()> seconds_left_;
  std::atomic<int> requests_ = 0, kept_ = 0;
};

}  // namespace oko::serve
