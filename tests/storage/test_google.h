#pragma once

#include <memory>
#include <string>

#include "oko/storage/gcs/gcs.h"
#include "oko/storage/store.h"
#include "tests/storage/fault_proxy.h"
#include "tests/storage/gcs_server.h"

namespace oko::testing {

// While it lives, gs:// is a server in this process with the bucket "gs://oko-test"; requests are
// counted, and go wrong by `chance`.
class TestGoogle {
 public:
  explicit TestGoogle(double chance = 0) {
    server_ = std::make_unique<GcsServer>(GcsOptions{});
    FaultOptions faults;
    faults.to = server_->port();
    faults.chance = chance;
    faults.retry_after = 0;
    proxy_ = std::make_unique<FaultProxy>(faults);
    storage::GcsOptions client;
    client.endpoint = "http://127.0.0.1:" + std::to_string(proxy_->port());
    client.anonymous = true;
    client.project = "p";
    client.retry.first = std::chrono::milliseconds(10);
    client.retry.longest = std::chrono::milliseconds(100);
    client.timeouts.stall = std::chrono::seconds(2);
    storage::use_store("gs", storage::make_gcs_store(client));
    storage::store_for("gs://oko-test").make_bucket("gs://oko-test");
  }
  ~TestGoogle() { storage::use_store("gs", nullptr); }
  TestGoogle(const TestGoogle&) = delete;
  TestGoogle& operator=(const TestGoogle&) = delete;

  std::uint64_t requests() const { return proxy_->counts().at("requests"); }

 private:
  std::unique_ptr<GcsServer> server_;
  std::unique_ptr<FaultProxy> proxy_;
};

}  // namespace oko::testing
