#include "oko/jobs/placement.h"

#include <charconv>

#include "oko/base/error.h"
#include "oko/base/json.h"

namespace oko::jobs {
namespace {

constexpr int kMostWorkers = 4096, kLastPort = 65535;

[[noreturn]] void refuse(const char* name, const std::string& value, const std::string& why) {
  throw Error(ErrorCode::kUsage, name, "is \"" + value + "\": " + why,
              "it is set by the program that starts the workers; unset it to train alone");
}

int number(const char* name, const std::string& text, int least, int most) {
  int value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error == std::errc() && end == last && value >= least && value <= most) return value;
  refuse(name, text,
         "it must be a number from " + std::to_string(least) + " to " + std::to_string(most));
}

// Vertex AI: {"cluster": {"workerpool0": ["host:port"], "workerpool1": […]},
// "task": {"type": "workerpool1", "index": 0}}; the pools' workers are counted in their order.
Placement of_cluster(const std::string& text) {
  const std::string name = "CLUSTER_SPEC";
  const Json json = parse_json(text, name);
  const Json cluster = json_get<Json>(json, "cluster", name),
             task = json_get<Json>(json, "task", name);
  const std::string type = json_get<std::string>(task, "type", name);
  const int index = json_get<int>(task, "index", name);
  Placement placement;
  placement.size = 0;
  bool found = false;
  for (int pool = 0; pool < 4; ++pool) {
    const std::string key = "workerpool" + std::to_string(pool);
    if (!cluster.is_object() || !cluster.contains(key)) continue;
    const Json hosts = json_get<Json>(cluster, key.c_str(), name);
    if (!hosts.is_array() || hosts.size() > kMostWorkers)
      refuse(name.c_str(), text, key + " is not a list");
    if (key == type) {
      if (index < 0 || index >= static_cast<int>(hosts.size())) {
        refuse(name.c_str(), text, "the task's index is not one of its pool");
      }
      placement.rank = placement.size + index;
      found = true;
    }
    if (placement.size == 0 && !hosts.empty()) {
      if (!hosts.front().is_string()) refuse(name.c_str(), text, key + " is not a list of hosts");
      const std::string first = hosts.front().get<std::string>();
      placement.master_address = first.substr(0, first.rfind(':'));
    }
    placement.size += static_cast<int>(hosts.size());
  }
  if (!found) refuse(name.c_str(), text, "the task is in none of the pools");
  return placement;
}

}  // namespace

Placement placement_of(const Environment& environment) {
  Placement placement;
  const auto from = [&](const char* rank, const char* size) {
    const auto rank_text = environment(rank), size_text = environment(size);
    if (!rank_text) return false;
    if (!size_text) refuse(rank, *rank_text, std::string(size) + " is not set");
    placement.size = number(size, *size_text, 1, kMostWorkers);
    placement.rank = number(rank, *rank_text, 0, placement.size - 1);
    return true;
  };
  if (!from("RANK", "WORLD_SIZE") && !from("SLURM_PROCID", "SLURM_NTASKS") &&
      !from("JOB_COMPLETION_INDEX", "WORLD_SIZE")) {
    if (const auto cluster = environment("CLUSTER_SPEC")) placement = of_cluster(*cluster);
  }
  if (const auto address = environment("MASTER_ADDR")) placement.master_address = *address;
  if (const auto port = environment("MASTER_PORT")) {
    placement.master_port = number("MASTER_PORT", *port, 1, kLastPort);
  }
  for (const char* const name : {"LOCAL_RANK", "SLURM_LOCALID"}) {
    if (const auto local = environment(name); local && placement.size > 1) {
      placement.local_rank = number(name, *local, 0, kMostWorkers);
      break;
    }
  }
  if (placement.size == 1) {
    placement.master_address.clear();
  } else if (placement.master_address.empty()) {
    throw Error(ErrorCode::kUsage, "MASTER_ADDR",
                "is not set, and there are " + std::to_string(placement.size) + " workers",
                "set it to the address of worker 0");
  }
  return placement;
}

}  // namespace oko::jobs
