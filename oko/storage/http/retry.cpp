#include "oko/storage/http/retry.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <random>

#include "oko/base/error.h"

namespace oko::storage::http {
namespace {

using std::chrono::milliseconds;
using Failure = Response::Failure;

std::string describe(const Response& response) {
  if (response.failure != Failure::kNone) return response.failure_text;
  std::string text = "the server responded " + std::to_string(response.status);
  if (response.status == 429) text += " (too many requests)";
  if (response.status == 503) text += " (slow down)";
  return text;
}

void count(const Response& response) {
  Counters& all = counters();
  if (response.failure == Failure::kTimeout || response.status == 408) {
    ++all.timeouts;
  } else if (response.failure == Failure::kConnect) {
    ++all.unreachable;
  } else if (response.failure != Failure::kNone) {
    ++all.broken;
  } else if (response.status == 429 || response.status == 503) {
    ++all.throttled;
  } else {
    ++all.server_errors;
  }
}

long seconds_from(const char* variable, long usual) {
  const char* text = std::getenv(variable);
  if (text == nullptr || *text == '\0') return usual;
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (*end != '\0' || value < 0 || value > 86'400) {
    throw Error(ErrorCode::kUsage, variable, std::string("\"") + text + "\" is not a time",
                "use seconds, up to 86400");
  }
  return value;
}

}  // namespace

Policy usual_policy() {
  Policy policy;
  const auto usual = std::chrono::duration_cast<std::chrono::seconds>(policy.budget).count();
  policy.budget = std::chrono::seconds(seconds_from("OKO_RETRY_SECONDS", usual));
  policy.budget_of_strangers = std::min(policy.budget_of_strangers, policy.budget);
  return policy;
}

Timeouts usual_timeouts() {
  Timeouts timeouts;
  timeouts.stall =
      std::chrono::seconds(std::max(1L, seconds_from("OKO_STALL_SECONDS", timeouts.stall.count())));
  return timeouts;
}

bool is_transient(const Response& response) {
  switch (response.failure) {
    case Failure::kConnect:
    case Failure::kTimeout:
    case Failure::kBroken:
      return true;
    case Failure::kTooLong:
    case Failure::kRefused:
    case Failure::kStopped:
      return false;
    case Failure::kNone:
      break;
  }
  const int status = response.status;
  return status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505);
}

milliseconds retry_after(const Response& response) {
  const std::string text(response.header("retry-after"));
  if (text.empty()) return milliseconds(0);
  constexpr long kMost = 24 * 3600;
  char* end = nullptr;
  const long seconds = std::strtol(text.c_str(), &end, 10);
  if (*end == '\0') return std::chrono::seconds(std::clamp(seconds, 0L, kMost));
  const std::time_t date = curl_getdate(text.c_str(), nullptr);
  if (date == -1) return milliseconds(0);
  return std::chrono::seconds(std::clamp<long>(date - std::time(nullptr), 0, kMost));
}

Retry::Retry(Client& client, const Policy& policy, std::string place)
    : client_(client), policy_(policy), place_(std::move(place)) {}

void Retry::progress() { failures_ = 0; }

void Retry::wait(const Response& response) {
  count(response);
  const bool reached = response.status != 0 || response.failure == Failure::kBroken ||
                       client_.has_reached(response.host);
  wait(describe(response), retry_after(response), reached);
}

void Retry::wait(const std::string& what) {
  ++counters().corrupt;
  wait(what, milliseconds(0), true);
}

void Retry::wait(const std::string& what, milliseconds at_least, bool reached) {
  const auto now = std::chrono::steady_clock::now();
  if (failures_++ == 0) first_failure_ = now;
  const int doublings = std::min(failures_ - 1, 20);
  const milliseconds bound =
      std::min(policy_.longest, milliseconds(policy_.first.count() << doublings));
  thread_local std::minstd_rand random{std::random_device{}()};
  const milliseconds jitter(std::uniform_int_distribution<long>(0, bound.count())(random));
  const milliseconds pause = std::max(jitter, at_least);
  const milliseconds budget = reached ? policy_.budget : policy_.budget_of_strangers;
  if (now - first_failure_ + pause > budget) {
    const auto spent = std::chrono::duration_cast<std::chrono::seconds>(now - first_failure_);
    throw Error(
        ErrorCode::kStorage, place_,
        what + ", after " + std::to_string(failures_) +
            (failures_ == 1 ? " attempt" : " attempts in " + std::to_string(spent.count()) + " s"),
        reached ? "try again later" : "check the network and the server address");
  }
  ++counters().retries;
  log([&] {
    return place_ + ": " + what + "; retrying in " + std::to_string(pause.count()) + " ms";
  });
  if (!client_.sleep(pause)) throw Error(ErrorCode::kInterrupted, place_, "stopped");
}

void refuse(const Response& response, const std::string& place) {
  if (response.failure == Failure::kStopped) {
    throw Error(ErrorCode::kInterrupted, place, "stopped");
  }
  const bool certificate = response.failure_text.find("certificate") != std::string::npos;
  throw Error(ErrorCode::kStorage, place, describe(response),
              certificate ? "set SSL_CERT_FILE to the certificates to trust" : "");
}

Response send_patiently(Client& client, const Request& request, const Policy& policy,
                        const std::string& place, bool repeatable) {
  for (Retry retry(client, policy, place);;) {
    Response response = client.send(request);
    const bool again = repeatable && is_transient(response);
    if (!again && response.failure != Failure::kNone) refuse(response, place);
    if (!again) return response;
    retry.wait(response);
  }
}

}  // namespace oko::storage::http
