#include <array>

#include "oko/formats/tflite/writer.h"

// Layers that move values or interpolate between them. All of their tensors have one scale.
namespace oko::formats::tflite {

using graph::Layer;
using graph::Shape;
using oko::tflite::Code;

void Writer::write(int index, const Layer& layer, const graph::Upsample& upsample) {
  const std::array<int, 2> sides{layer.output.height, layer.output.width};
  const int size = emitter_.constant(layer.name + ".size", {2}, sides);
  oko::tflite::ResizeNearestNeighborOptionsT options;
  // Pixel y / scale, computed in float: exact for powers of two, else from the pixels' centres.
  options.half_pixel_centers = (upsample.scale & (upsample.scale - 1)) != 0;
  const int which = options.half_pixel_centers ? 3 : version(2);
  emitter_.add(Code::RESIZE_NEAREST_NEIGHBOR, {read(layer.inputs.front()), size}, {own_map(index)},
               std::move(options), which);
}

void Writer::join(const std::vector<int>& from, int to) {
  oko::tflite::ConcatenationOptionsT options;
  options.axis = 3;
  emitter_.add(Code::CONCATENATION, from, {to}, std::move(options), version(2));
}

// Channels of a map from `first` on, as many as `to` has.
void Writer::slice(const std::string& name, int from, int first, int to) {
  const Shape part = emitter_.shape(to);
  const int begin = emitter_.constant(name + ".begin", {4}, std::array{0, 0, 0, first});
  const int size =
      emitter_.constant(name + ".size", {4}, std::array{1, part.height, part.width, part.channels});
  emitter_.add(Code::SLICE, {from, begin, size}, {to}, oko::tflite::SliceOptionsT{}, version(2));
}

void Writer::write(int index, const Layer& layer, const graph::Route& route) {
  std::vector<int> from;
  for (const int source : layer.inputs) {
    from.push_back(read(source));
    if (route.groups == 1) continue;
    const Shape& in = shape(source);
    const int channels = in.channels / route.groups;
    const std::string name = layer.name + ".part" + std::to_string(from.size() - 1);
    const int to = layer.inputs.size() == 1
                       ? own_map(index)
                       : emitter_.map(name, {channels, in.height, in.width}, scale_of(source));
    slice(name, from.back(), route.group * channels, to);
    from.back() = to;
  }
  if (layer.inputs.size() > 1) join(from, own_map(index));
}

void Writer::write(int index, const Layer& layer, const graph::Slice& part) {
  slice(layer.name, read(layer.inputs.front()), part.first, own_map(index));
}

int Writer::reshape(const std::string& name, int from, const std::vector<int>& sides) {
  const int to = emitter_.tensor(name, sides, emitter_.scale(from));
  reshape(from, to);
  return to;
}

void Writer::reshape(int from, int to) {
  const std::vector<int> sides = emitter_.sides(to);
  oko::tflite::ReshapeOptionsT options;
  options.new_shape = sides;
  const int wanted = emitter_.constant(emitter_.name(to) + ".sides",
                                       {static_cast<int>(sides.size())}, std::span(sides));
  emitter_.add(Code::RESHAPE, {from, wanted}, {to}, std::move(options));
}

int Writer::transpose(const std::string& name, int from, const std::vector<int>& order) {
  std::vector<int> sides;
  for (const int side : order) sides.push_back(emitter_.sides(from)[side]);
  const int to = emitter_.tensor(name, sides, emitter_.scale(from));
  const int as =
      emitter_.constant(name + ".order", {static_cast<int>(order.size())}, std::span(order));
  emitter_.add(Code::TRANSPOSE, {from, as}, {to}, oko::tflite::TransposeOptionsT{}, version(2));
  return to;
}

// Dimensions exchanged in between: at most four of them, which every program has.
void Writer::exchange(const std::string& name, int from, const std::vector<int>& sides,
                      const std::vector<int>& order, int to) {
  reshape(transpose(name + ".turned", reshape(name + ".parts", from, sides), order), to);
}

void Writer::write(int index, const Layer& layer, const graph::Shuffle& shuffle) {
  const Shape& out = layer.output;
  exchange(layer.name, read(layer.inputs.front()),
           {1, out.height * out.width, shuffle.groups, out.channels / shuffle.groups}, {0, 1, 3, 2},
           own_map(index));
}

// SPACE_TO_DEPTH has the order of rows.
void Writer::write(int index, const Layer& layer, const graph::SpaceToDepth& layout) {
  using Order = graph::SpaceToDepth::Order;
  const Shape &in = shape(layer.inputs.front()), &out = layer.output;
  const int from = read(layer.inputs.front()), block = layout.block;
  if (layout.order == Order::kDarknet) {
    // The planes of C channels and H rows are taken as C / block² of H · block rows and W · block
    // columns; the place of a row and a column in their square becomes the slowest dimension.
    const int planes = transpose(layer.name + ".planes", from, {0, 3, 1, 2});
    const int cut = reshape(layer.name + ".cut", planes,
                            {in.channels / block / block * in.height, block, in.width, block});
    const int turned = transpose(layer.name + ".places", cut, {1, 3, 0, 2});
    const int whole =
        reshape(layer.name + ".whole", turned, {1, out.channels, out.height, out.width});
    const int to = own_map(index);
    const int order = emitter_.constant(layer.name + ".order", {4}, std::array{0, 2, 3, 1});
    return emitter_.add(Code::TRANSPOSE, {whole, order}, {to}, oko::tflite::TransposeOptionsT{},
                        version(2));
  }
  oko::tflite::SpaceToDepthOptionsT options;
  options.block_size = block;
  const bool plain = layout.order == Order::kRows;
  const int rows =
      plain ? own_map(index) : emitter_.map(layer.name + ".rows", out, emitter_.scale(from));
  emitter_.add(Code::SPACE_TO_DEPTH, {from}, {rows}, std::move(options), version(2));
  if (plain) return;
  const int cells = out.height * out.width;
  if (layout.order == Order::kChannels) {
    return exchange(layer.name, rows, {1, cells, block * block, in.channels}, {0, 1, 3, 2},
                    own_map(index));
  }
  exchange(layer.name, rows, {cells, block, block, in.channels}, {0, 2, 1, 3}, own_map(index));
}

void Writer::write(int index, const Layer& layer, const graph::Bilinear& bilinear) {
  const std::array<int, 2> sides{layer.output.height, layer.output.width};
  const int size = emitter_.constant(layer.name + ".size", {2}, sides);
  oko::tflite::ResizeBilinearOptionsT options;
  options.align_corners = bilinear.grid == graph::Grid::kCorners;
  options.half_pixel_centers = bilinear.grid == graph::Grid::kHalfPixel;
  emitter_.add(Code::RESIZE_BILINEAR, {read(layer.inputs.front()), size}, {own_map(index)},
               std::move(options), options.half_pixel_centers ? 3 : version(2));
}

}  // namespace oko::formats::tflite
