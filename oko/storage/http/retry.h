#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "oko/storage/http/client.h"

namespace oko::storage::http {

// How long to retry transient failures. Waits are random between 0 and a bound that doubles with
// each failure ("full jitter"), or the server's Retry-After if that is longer.
struct Policy {
  std::chrono::milliseconds first{1'000}, longest{64'000};
  // Total time from the first failure on; restarts after a request that made progress.
  std::chrono::milliseconds budget{15 * 60'000};
  // The same for a host that has never responded to this process: a wrong name fails soon, a
  // temporary network outage is waited for.
  std::chrono::milliseconds budget_of_strangers{10'000};
};
// OKO_RETRY_SECONDS replaces the budget (0: no retries), OKO_STALL_SECONDS the stall timeout.
Policy usual_policy();
Timeouts usual_timeouts();

// Worth retrying unchanged: 408, 429, 5xx except 501 and 505, and network failures.
bool is_transient(const Response& response);

// Counts the failures of one operation.
//
//   for (Retry retry(client, policy, uri);;) {
//     Response response = client.send(request);
//     if (!is_transient(response)) return response;
//     retry.wait(response);
//   }
class Retry {
 public:
  // `place` is used in errors: the user's URI.
  Retry(Client& client, const Policy& policy, std::string place);

  // Waits before another attempt. Throws an Error of kStorage, with the last response and the
  // number of attempts, if the budget is exhausted; of kInterrupted when the client is stopped.
  void wait(const Response& response);
  // The same for a complete but wrong response (a wrong checksum).
  void wait(const std::string& what);
  // Progress was made: earlier failures no longer count.
  void progress();

 private:
  void wait(const std::string& what, std::chrono::milliseconds at_least, bool reached);

  Client& client_;
  Policy policy_;
  std::string place_;
  int failures_ = 0;
  std::chrono::steady_clock::time_point first_failure_;
};

// Sends, with retries if `repeatable`. The response may be an error (4xx), which the caller must
// interpret. Throws like Retry if there is no response.
Response send_patiently(Client& client, const Request& request, const Policy& policy,
                        const std::string& place, bool repeatable = true);

// Throws the Error for a request without a response that is not retried.
[[noreturn]] void refuse(const Response& response, const std::string& place);

// The Retry-After delay; 0 if there is none or it cannot be parsed.
std::chrono::milliseconds retry_after(const Response& response);

}  // namespace oko::storage::http
