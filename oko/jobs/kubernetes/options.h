#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "oko/base/words.h"
#include "oko/jobs/backend.h"
#include "oko/jobs/spec.h"

namespace oko::jobs::kubernetes {

// Whose labels the nodes have. kOther: a cluster of one's own.
enum class Cloud { kOther, kGke, kEks, kAks };
constexpr auto words_of(Cloud) {
  return std::to_array<std::string_view>({"other", "gke", "eks", "aks"});
}

// The back end's settings, checked.
struct Options {
  std::string context;     // empty: the current one
  std::string namespace_;  // empty: the context's
  std::string image;
  std::string cpu, memory;  // requests of each worker; empty: the cluster's default
  std::string pull_secret, service_account;
  std::string secret;        // its entries become environment variables and files
  std::string claim, mount;  // a persistent volume claim and where it is mounted
  std::map<std::string, std::string> selector;  // labels that a node must have
  std::int64_t user = -1;  // number of the user that the workers are; -1: the image's
  std::string cloud;       // a word of Cloud; empty: from the kubeconfig
};

std::span<const Setting> settings();
// Throws a usage Error naming the flag.
Options options_of(const Spec& spec);

}  // namespace oko::jobs::kubernetes
