#pragma once

#include <string>
#include <vector>

#include "oko/formats/coreml/coreml.pb.h"
#include "oko/formats/file.h"
#include "oko/graph/network.h"

// What neural networks and ML Programs have in common: the model's description of itself.
namespace oko::formats::coreml {

namespace proto = oko::coreml;

enum class ArrayKind { kFloat32 = 65568, kDouble = 65600 };

void describe_model(const graph::Network& network, const ModelInfo& info, proto::Metadata& to);

// The picture: an image of the network's size and colour order, or an array where no image has so
// many channels. `kind` is the array's.
void describe_input(const graph::Network& network, ArrayKind kind, proto::Feature& to);
bool takes_image(const graph::Network& network);

void describe_array(const std::string& name, const std::vector<std::int64_t>& shape, ArrayKind kind,
                    const std::string& description, proto::Feature& to);

// The same message gives the same bytes each time. Throws an input Error for one of 2 GiB or more,
// which protobuf has no place for.
std::vector<std::byte> serialized(const proto::Model& model, const std::string& name);

}  // namespace oko::formats::coreml
