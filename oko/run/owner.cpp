#include "oko/run/owner.h"

#include <unistd.h>

#include <array>
#include <chrono>

#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/run/run.h"
#include "oko/storage/store.h"

namespace oko::run {
namespace {

// The time in nanoseconds distinguishes it from every other claim of this process and machine.
std::string make_claim() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const Json claim = {{"host", host.data()},
                      {"process", ::getpid()},
                      {"nanoseconds", std::chrono::nanoseconds(now).count()}};
  return claim.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string who(const std::string& claim, const std::string& uri) {
  try {
    const Json json = parse_json(claim, uri);
    return "process " + std::to_string(json_get<std::int64_t>(json, "process", uri)) + " on " +
           json_get<std::string>(json, "host", uri);
  } catch (const Error&) {
    return "another process";
  }
}

}  // namespace

Owner::Owner(const std::string& folder) : uri_(Paths{folder}.owner()), claim_(make_claim()) {
  version_ = storage::write(uri_, claim_).version;
}

void Owner::check() {
  const auto there = storage::stat(uri_);
  if (!there || there->version == version_) return;
  const std::string claim = storage::read_text(uri_);
  if (claim != claim_) {
    throw Error(ErrorCode::kFailed, storage::parent(uri_),
                who(claim, uri_) + " has resumed this run",
                "let only one of them train, or choose another --out for this one");
  }
  version_ = there->version;  // a request repeated by the network wrote it twice
}

}  // namespace oko::run
