#pragma once

#include <string>
#include <vector>

#include "oko/formats/coreml/coreml.pb.h"
#include "oko/formats/format.h"
#include "oko/graph/network.h"

// What neural networks and ML Programs share: the model description.
namespace oko::formats::coreml {

namespace proto = oko::coreml;

enum class ArrayKind { kFloat32 = 65568, kDouble = 65600 };

void describe_model(const graph::Network& network, const ModelInfo& info, proto::Metadata& to);

// The input: an image of the network's size and colour order, or an array for other numbers of
// channels. `kind` is the array's.
void describe_input(const graph::Network& network, ArrayKind kind, proto::Feature& to);
bool takes_image(const graph::Network& network);

void describe_array(const std::string& name, const std::vector<std::int64_t>& shape, ArrayKind kind,
                    const std::string& description, proto::Feature& to);

// Deterministic: the same message gives the same bytes. Throws an input Error for 2 GiB or more,
// protobuf's limit.
std::vector<std::byte> serialized(const proto::Model& model, const std::string& name);

}  // namespace oko::formats::coreml
