#include "oko/base/json.h"
#include "peer_files.h"

namespace oko::bench {
namespace {

const char* name_of(Step::Kind kind) {
  switch (kind) {
    case Step::Kind::kConvolution:
      return "convolution";
    case Step::Kind::kMaxPool:
      return "max_pool";
    case Step::Kind::kUpsample:
      return "upsample";
    case Step::Kind::kBilinear:
      return "bilinear";
    case Step::Kind::kConcat:
      return "concat";
    case Step::Kind::kSlice:
      return "slice";
    case Step::Kind::kShuffle:
      return "shuffle";
    case Step::Kind::kAdd:
      return "add";
  }
  return "";
}

Json to_json(const graph::Shape& shape) { return {shape.channels, shape.height, shape.width}; }

Json to_json(const graph::Padding& padding) {
  return {{padding.top, padding.bottom}, {padding.left, padding.right}};
}

Json to_json(const Step& s) {
  Json step = {{"kind", name_of(s.kind)},
               {"inputs", s.inputs},
               {"input", to_json(s.input)},
               {"output", to_json(s.output)}};
  if (s.kind == Step::Kind::kConvolution) {
    const graph::Convolution& c = s.convolution;
    step["size"] = c.size;
    step["stride"] = c.stride;
    step["padding"] = to_json(c.padding);
    step["groups"] = c.groups;
    const bool leaky = c.activation == graph::Activation::kLeaky;
    step["slope"] = leaky ? graph::kLeakySlope : 1.F;
  } else if (s.kind == Step::Kind::kMaxPool) {
    step["size"] = s.pool.size;
    step["stride"] = s.pool.stride;
    step["padding"] = to_json(s.pool.padding);
  } else if (s.kind == Step::Kind::kSlice) {
    step["first"] = s.output.channels * s.group;
  } else if (s.kind == Step::Kind::kShuffle) {
    step["groups"] = s.groups;
  }
  return step;
}

}  // namespace

StepsFiles write_steps(const Steps& steps) {
  StepsFiles files;
  Json all = Json::array();
  for (const Step& s : steps.steps) {
    all.push_back(to_json(s));
    files.weights.insert(files.weights.end(), s.kernel.begin(), s.kernel.end());
    files.weights.insert(files.weights.end(), s.bias.begin(), s.bias.end());
  }
  files.json = Json{{"steps", all}, {"heads", steps.heads}}.dump();
  return files;
}

}  // namespace oko::bench
