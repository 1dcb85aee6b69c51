#include "oko/storage/http/get.h"

#include "oko/base/error.h"
#include "oko/storage/http/redirect.h"

namespace oko::storage::http {

bool is_https(std::string_view address) { return address.starts_with("https://"); }

std::string get(Client& client, const std::string& url, std::uint64_t longest, const Policy& policy,
                const Timeouts& timeouts) {
  std::string at = url;
  int redirects = 0;
  for (Retry retry(client, policy, url);;) {
    Request request;
    request.url = at;
    request.max_body = longest;
    request.timeouts = timeouts;
    Response response = client.send(request);
    if (response.ok()) return std::move(response.body);
    if (is_redirect(response)) {
      const auto next = resolve_location(origin_of(at), response.header("location"));
      if (!next || redirects++ == kMostRedirects) {
        throw Error(ErrorCode::kStorage, url,
                    next ? "is redirected too often" : "is redirected to what is not https");
      }
      at = next->url;
    } else if (is_transient(response)) {
      retry.wait(response);
      at = url;  // where it led may have expired
      redirects = 0;
    } else {
      refuse(response, url);
    }
  }
}

}  // namespace oko::storage::http
