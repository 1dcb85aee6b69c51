#include "oko/jobs/slurm/cluster.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "oko/base/error.h"
#include "oko/base/suggest.h"
#include "oko/jobs/gpus.h"

namespace oko::jobs::slurm {
namespace {

// The words of a GPU's name: "nvidia_a100_80gb_pcie" has nvidia, a100, 80gb and pcie.
std::set<std::string> words_of_gpu(std::string_view name) {
  std::set<std::string> words;
  std::string word;
  for (const char c : name) {
    const char low = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool inside = (low >= 'a' && low <= 'z') || (low >= '0' && low <= '9') || low == '.';
    if (inside) word += low;
    if (!inside && !word.empty()) words.insert(std::exchange(word, {}));
  }
  if (!word.empty()) words.insert(word);
  return words;
}

bool is_same_gpu(std::string_view one, std::string_view other) {
  try {
    return gpu_named(one).name == gpu_named(other).name;
  } catch (const Error&) {
    return false;  // a name of this cluster only
  }
}

// The cluster's name for a GPU: among those that fit, the one with the fewest other words. Empty if
// there is none.
std::string cluster_name(std::string_view wanted, const std::set<std::string>& types) {
  const std::set<std::string> words = words_of_gpu(wanted);
  std::string best;
  std::size_t fewest = 0;
  for (const std::string& type : types) {
    const std::set<std::string> has = words_of_gpu(type);
    if (!is_same_gpu(wanted, type) && !std::ranges::includes(has, words)) continue;
    if (best.empty() || has.size() < fewest) {
      best = type;
      fewest = has.size();
    }
  }
  return best;
}

// Nodes of the partitions in a list such as "gpu,gpu-long": Slurm takes the first that is free.
std::vector<Nodes> nodes_of(std::string_view partitions, const Cluster& cluster) {
  std::vector<Nodes> nodes;
  std::vector<std::string_view> known;
  for (const Nodes& one : cluster.nodes) {
    if (std::ranges::find(known, one.partition) == known.end()) known.push_back(one.partition);
  }
  for (bool more = true; more;) {
    const std::size_t end = partitions.find(',');
    const std::string_view name = partitions.substr(0, end);
    more = end != std::string_view::npos;
    if (more) partitions.remove_prefix(end + 1);
    if (std::ranges::find(known, name) == known.end()) {
      throw unknown_word(ErrorCode::kUsage, "--partition", "partition", name, known);
    }
    std::ranges::copy_if(cluster.nodes, std::back_inserter(nodes),
                         [&](const Nodes& one) { return one.partition == name; });
  }
  return nodes;
}

std::string gpu_list(const std::set<std::string>& types) {
  if (types.empty()) return "its nodes have no GPUs, or none with a type";
  return fmt::format("its nodes have {}", fmt::join(types, ", "));
}

// Checks GPUs against nodes of one partition and returns the cluster's name for their type.
std::string fit_gpus(const Spec& spec, const std::string& partition,
                     const std::vector<Nodes>& nodes) {
  const Resources& wanted = spec.resources;
  std::set<std::string> types;
  for (const Nodes& one : nodes) {
    for (const Gpus& gpus : one.gpus) {
      if (!gpus.type.empty()) types.insert(gpus.type);
    }
  }
  const std::string type =
      wanted.gpu_type.empty() ? std::string() : cluster_name(wanted.gpu_type, types);
  if (type.empty() && !wanted.gpu_type.empty()) {
    throw Error(ErrorCode::kUsage, "--gpu-type",
                fmt::format("no node of the partition {} has a {}", partition, wanted.gpu_type),
                gpu_list(types) + "; --partition chooses others");
  }
  int most = 0;
  for (const Nodes& one : nodes) {
    int count = 0;
    for (const Gpus& gpus : one.gpus) {
      if (type.empty() || gpus.type == type) count += gpus.count;
    }
    most = std::max(most, count);
  }
  const int each = wanted.gpus * workers_per_node(spec);
  if (each > most) {
    throw Error(ErrorCode::kUsage, "--gpus",
                fmt::format("no node of the partition {} has {} GPUs{}", partition, each,
                            type.empty() ? "" : " of type " + type),
                most == 0
                    ? gpu_list(types)
                    : fmt::format("they have at most {}: use more --nodes or fewer --gpus", most));
  }
  return type;
}

}  // namespace

int workers_per_node(const Spec& spec) {
  const int workers = spec.resources.workers;
  const std::string text = spec.setting("nodes");
  if (text.empty()) return 1;
  int nodes = 0;
  const char* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, nodes);
  if (error != std::errc() || last != end || nodes < 1 || nodes > workers || workers % nodes != 0) {
    throw Error(ErrorCode::kUsage, "--nodes",
                fmt::format("\"{}\" nodes cannot share {} workers equally", text, workers),
                "--workers must be a multiple of --nodes");
  }
  return workers / nodes;
}

Fit fit(const Spec& spec, const Cluster& cluster) {
  const std::string partition = spec.setting("partition", cluster.default_partition);
  if (partition.empty()) {  // the cluster has its own way to choose one
    return {.gpu_type = spec.resources.gpu_type, .minutes = 0};
  }
  const std::vector<Nodes> nodes = nodes_of(partition, cluster);
  if (std::ranges::none_of(nodes, &Nodes::up)) {
    throw Error(ErrorCode::kUsage, "--partition", "the partition " + partition + " is down",
                "sinfo shows the others");
  }
  Fit result;
  int count = 0;
  for (const Nodes& one : nodes) {
    count += one.count;
    if (result.minutes == 0 || (one.minutes > 0 && one.minutes < result.minutes)) {
      result.minutes = one.minutes;
    }
  }
  if (const int wanted = spec.resources.workers / workers_per_node(spec); wanted > count) {
    throw Error(
        ErrorCode::kUsage, "--workers",
        fmt::format("the partition {} has {} nodes, and {} are needed", partition, count, wanted),
        "use fewer --workers, or --nodes to run several on a node");
  }
  if (spec.resources.gpus > 0) result.gpu_type = fit_gpus(spec, partition, nodes);
  return result;
}

}  // namespace oko::jobs::slurm
