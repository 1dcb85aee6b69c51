#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "oko/storage/http/client.h"

namespace oko::storage::http {

// How long to go on after failures that pass. Waits are random between 0 and a bound that doubles
// with each failure ("full jitter"), or what the server asks for by Retry-After where that is more.
struct Policy {
  std::chrono::milliseconds first{1'000}, longest{64'000};
  // From the first failure on, in all; the time of a request that brings something begins anew.
  std::chrono::milliseconds budget{15 * 60'000};
  // The same for a machine that has not answered since this process began: a wrong name is told
  // soon, a network that goes away for a while is waited for.
  std::chrono::milliseconds budget_of_strangers{10'000};
};
// OKO_RETRY_SECONDS replaces the budget (0: no retries), OKO_STALL_SECONDS the stall timeout.
Policy usual_policy();
Timeouts usual_timeouts();

// Worth sending again as it is: 408, 429, 5xx but 501 and 505, and failures of the network.
bool is_transient(const Response& response);

// Counts the failures of one piece of work.
//
//   for (Retry retry(client, policy, uri);;) {
//     Response response = client.send(request);
//     if (!is_transient(response)) return response;
//     retry.wait(response);
//   }
class Retry {
 public:
  // `place` stands in errors: the user's URI.
  Retry(Client& client, const Policy& policy, std::string place);

  // Waits before another attempt. Throws an Error of kStorage where the budget does not allow it
  // (it says what the last answer was and how many attempts there were), of kInterrupted when
  // the client is stopped.
  void wait(const Response& response);
  // The same for an answer that came whole but is not what was asked for (a wrong checksum).
  void wait(const std::string& what);
  // Something was gained: failures before do not count any more.
  void progress();

 private:
  void wait(const std::string& what, std::chrono::milliseconds at_least, bool reached);

  Client& client_;
  Policy policy_;
  std::string place_;
  int failures_ = 0;
  std::chrono::steady_clock::time_point first_failure_;
};

// Sends, and again where `repeatable`. The answer may be a refusal (4xx): what it means is the
// caller's to say. Throws where there is no answer, as Retry does.
Response send_patiently(Client& client, const Request& request, const Policy& policy,
                        const std::string& place, bool repeatable = true);

// Throws the Error for a request that got no answer and is not sent again.
[[noreturn]] void refuse(const Response& response, const std::string& place);

// What Retry-After asks for; 0 where there is none or it cannot be read.
std::chrono::milliseconds retry_after(const Response& response);

}  // namespace oko::storage::http
