#pragma once

#include <string>

#include "oko/base/json.h"
#include "oko/cli/model.h"
#include "oko/graph/network.h"

namespace oko::cli {

// The hash of a model's content, and the one that its file states: empty where it states none, or
// is sealed or of another format.
struct ModelHash {
  std::string hash, stated;
  bool differs() const { return !stated.empty() && stated != hash; }
};
ModelHash hash_of(const ModelArguments& model, const graph::Network& network);

// What the model says of itself, one line for each thing; with its hash.
std::string about_text(const graph::Network& network, const ModelHash& hash);
Json about_json(const graph::Network& network, const ModelHash& hash);

}  // namespace oko::cli
