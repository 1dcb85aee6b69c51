// needs: jobs
// Any kubeconfig is read or refused, and so is what a credential plugin prints and what an API
// server answers: as a refusal, and as every object from which a job is explained.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "oko/base/error.h"
#include "oko/base/text.h"
#include "oko/jobs/kubernetes/api.h"
#include "oko/jobs/kubernetes/body.h"
#include "oko/jobs/kubernetes/credential.h"
#include "oko/jobs/kubernetes/findings.h"
#include "oko/jobs/kubernetes/kubeconfig.h"

namespace {

using namespace oko::jobs::kubernetes;

// No context refers to a file, whose content would not depend on the input alone.
void read_kubeconfig(std::string_view text) {
  Kubeconfig config = parse_kubeconfig(text, "input");
  for (auto& [name, cluster] : config.clusters) cluster.ca_file.clear();
  for (auto& [name, user] : config.users) user.certificate_file = user.key_file = "";
  for (const auto& [name, context] : config.contexts) {
    try {
      const Access access = access_of(config, name);
      if (!access.server.starts_with("http")) std::abort();
      if (access.tls.certificate.empty() != access.tls.key.empty()) std::abort();
      if (access.plugin) exec_info(access, true).dump();
    } catch (const oko::Error&) {
    }
  }
}

void read_objects(std::string_view text) {
  const oko::Json json = oko::parse_json(text, "input");
  std::vector<oko::Json> items = {json};
  if (json.is_object() && json.contains("items") && json["items"].is_array()) {
    for (const oko::Json& item : json["items"]) items.push_back(item);
  }
  sort_by_age(items);
  const auto seen = observation_of({json, items, items, items});
  if (oko::printable(seen.reason) != seen.reason) std::abort();
  is_finished(json);
  waits_for_a_node(items);
  consequences_of(dropped_fields(json, items.front()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    switch (data[0] % 4) {
      case 0:
        read_kubeconfig(text);
        break;
      case 1:
        parse_credential(text, "client.authentication.k8s.io/v1", "input");
        break;
      case 2:
        read_objects(text);
        break;
      default:
        if (refusal_of(422, text, "input").message().empty()) std::abort();
        (void)refusal_of(401, text, "input");
        parse_rfc3339(text);
        break;
    }
  } catch (const oko::Error&) {
  }
  return 0;
}
