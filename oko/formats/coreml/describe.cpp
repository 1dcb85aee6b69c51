#include "oko/formats/coreml/describe.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <limits>

#include "oko/base/error.h"
#include "oko/formats/heads.h"

namespace oko::formats::coreml {
namespace {

constexpr int kGrey = 10, kRgb = 20, kBgr = 30;  // colour spaces

// Comma-separated names, as other tools write and split them. A comma or backslash in a name is
// escaped by a backslash.
std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    if (&name != &names.front()) text += ',';
    for (const char c : name) {
      if (c == ',' || c == '\\') text += '\\';
      text += c;
    }
  }
  return text;
}

}  // namespace

void describe_model(const graph::Network& network, const ModelInfo& info, proto::Metadata& to) {
  to.set_description(info.description);
  to.set_version(info.version);
  to.set_author(info.author);
  to.set_license(info.license);
  auto& own = *to.mutable_user_defined();
  own[kDescriptionKey] = describe(network);
  if (!network.classes.empty()) own["classes"] = joined(network.classes);
}

bool takes_image(const graph::Network& network) {
  return network.input.channels == 1 || network.input.channels == 3;
}

void describe_input(const graph::Network& network, ArrayKind kind, proto::Feature& to) {
  const graph::Shape& in = network.input;
  if (!takes_image(network)) {
    describe_array(kInputName, {in.channels, in.height, in.width}, kind,
                   "The image's channels, each 0 to 1", to);
    return;
  }
  to.set_name(kInputName);
  to.set_description("The image, fitted to the network's input as in training");
  proto::Image& image = *to.mutable_type()->mutable_image();
  image.set_width(in.width);
  image.set_height(in.height);
  image.set_color_space(in.channels == 1 ? kGrey : network.preprocess.bgr ? kBgr : kRgb);
}

void describe_array(const std::string& name, const std::vector<std::int64_t>& shape, ArrayKind kind,
                    const std::string& description, proto::Feature& to) {
  to.set_name(name);
  to.set_description(description);
  proto::Array& array = *to.mutable_type()->mutable_array();
  for (const std::int64_t side : shape) array.add_shape(side);
  array.set_data_type(static_cast<int>(kind));
}

std::vector<std::byte> serialized(const proto::Model& model, const std::string& name) {
  const std::size_t size = model.ByteSizeLong();
  if (size > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    throw input_error(name,
                      "the model takes " + std::to_string(size) +
                          " bytes; Core ML allows at most " +
                          std::to_string(std::numeric_limits<int>::max()),
                      "write its weights as float16 or int8");
  }
  std::vector<std::byte> bytes(size);
  google::protobuf::io::ArrayOutputStream array(bytes.data(), static_cast<int>(size));
  google::protobuf::io::CodedOutputStream stream(&array);
  stream.SetSerializationDeterministic(true);
  if (!model.SerializeToCodedStream(&stream)) {
    throw input_error(name, "a name or text is not valid UTF-8", "use UTF-8 for class names");
  }
  return bytes;
}

}  // namespace oko::formats::coreml
