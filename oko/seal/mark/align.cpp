#include "oko/seal/mark/align.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <set>
#include <span>

namespace oko::seal {
namespace {

using graph::Convolution;
using graph::Layer;
using graph::Network;

// For each of the original's channels, the suspect's that it is.
using Channels = std::vector<int>;

constexpr double kSure = .5;  // likeness of filters that are surely the same: others have .1

Channels identity(int count) {
  Channels channels(static_cast<std::size_t>(count));
  std::iota(channels.begin(), channels.end(), 0);
  return channels;
}

bool is_permutation_within(std::span<const int> channels, int first) {
  std::set<int> seen(channels.begin(), channels.end());
  return seen.size() == channels.size() && *seen.begin() == first &&
         *seen.rbegin() == first + static_cast<int>(channels.size()) - 1;
}

// Channels [first, first + count), from 0; as they are if they were exchanged with others.
Channels part_of(const Channels& channels, int first, int count) {
  const std::span<const int> part =
      std::span(channels).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
  if (!is_permutation_within(part, first)) return identity(count);
  Channels out(part.begin(), part.end());
  for (int& channel : out) channel -= first;
  return out;
}

// A kernel: filters x (channels of a filter) x (taps).
struct Kernel {
  std::span<const float> values;
  std::size_t filters = 0, depth = 0, taps = 0;
  std::size_t filter_size() const { return depth * taps; }
  std::span<const float> filter(std::size_t f) const {
    return values.subspan(f * filter_size(), filter_size());
  }
};

std::optional<Kernel> kernel_of(const Network& network, const Layer& layer) {
  const auto* c = std::get_if<Convolution>(&layer.operation);
  const auto found = network.weights.find(layer.name + ".kernel");
  if (c == nullptr || found == network.weights.end()) return {};
  Kernel kernel;
  kernel.values = found->second.floats();
  kernel.filters = static_cast<std::size_t>(c->filters);
  kernel.taps = static_cast<std::size_t>(c->size) * static_cast<std::size_t>(c->size);
  kernel.depth = kernel.values.size() / kernel.filters / kernel.taps;
  return kernel;
}

double correlation(std::span<const float> a, std::span<const float> b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = a[i], y = b[i];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa > 0 && bb > 0 ? std::fabs(ab) / std::sqrt(aa * bb) : 0;
}

// The suspect's kernel with its filters' channels in the original's order.
std::vector<float> with_inputs(const Kernel& kernel, const Channels& inputs) {
  std::vector<float> values(kernel.values.size());
  for (std::size_t f = 0; f < kernel.filters; ++f) {
    for (std::size_t c = 0; c < kernel.depth; ++c) {
      const std::size_t from =
          kernel.depth == inputs.size() ? static_cast<std::size_t>(inputs[c]) : c;
      std::copy_n(
          kernel.filter(f).begin() + static_cast<std::ptrdiff_t>(from * kernel.taps), kernel.taps,
          values.begin() + static_cast<std::ptrdiff_t>((f * kernel.depth + c) * kernel.taps));
    }
  }
  return values;
}

struct Match {
  Channels filters;
  double likeness = 0;
};

double likeness_of(const Kernel& original, const Kernel& suspect, const Channels& filters) {
  double sum = 0;
  for (std::size_t f = 0; f < original.filters; ++f) {
    sum += correlation(original.filter(f), suspect.filter(static_cast<std::size_t>(filters[f])));
  }
  return sum / static_cast<double>(original.filters);
}

// Each of the original's filters takes the one that is most like it, the surest first.
Match match_filters(const Kernel& original, const Kernel& suspect) {
  struct Pair {
    double likeness;
    int original, suspect;
  };
  std::vector<Pair> pairs;
  for (std::size_t a = 0; a < original.filters; ++a) {
    for (std::size_t b = 0; b < suspect.filters; ++b) {
      pairs.push_back({correlation(original.filter(a), suspect.filter(b)), static_cast<int>(a),
                       static_cast<int>(b)});
    }
  }
  std::ranges::sort(pairs, std::greater<>(), &Pair::likeness);
  Match match{Channels(original.filters, -1), 0};
  std::vector<bool> taken(suspect.filters);
  for (const Pair& pair : pairs) {
    int& place = match.filters[static_cast<std::size_t>(pair.original)];
    if (place >= 0 || taken[static_cast<std::size_t>(pair.suspect)]) continue;
    place = pair.suspect;
    taken[static_cast<std::size_t>(pair.suspect)] = true;
    match.likeness += pair.likeness / static_cast<double>(original.filters);
  }
  return match;
}

class Aligner {
 public:
  Aligner(const Network& original, const Network& suspect)
      : original_(original), suspect_(suspect) {
    for (std::size_t i = 0; i < suspect.layers.size(); ++i) {
      if (kernel_of(suspect, suspect.layers[i])) unused_.push_back(i);
    }
  }

  std::vector<Aligned> run(const std::vector<int>& wanted) {
    std::vector<Aligned> found;
    for (std::size_t i = 0; i < original_.layers.size(); ++i) {
      const Layer& layer = original_.layers[i];
      if (const auto kernel = kernel_of(original_, layer)) {
        std::optional<Aligned> one = find(static_cast<int>(i), *kernel);
        if (one && std::ranges::find(wanted, static_cast<int>(i)) != wanted.end()) {
          found.push_back(*std::move(one));
        }
      } else {
        maps_.push_back(through(layer));
      }
    }
    return found;
  }

 private:
  const Channels& input(const Layer& layer, std::size_t i = 0) {
    const int from = layer.inputs[i];
    if (from == graph::kNetworkInput) {
      image_ = identity(original_.input.channels);
      return image_;
    }
    return maps_[static_cast<std::size_t>(from)];
  }

  // Layers that only move or combine channels.
  Channels through(const Layer& layer) {
    const int channels = layer.output.channels;
    if (graph::is_head(layer.operation) || layer.inputs.empty()) return identity(channels);
    if (const auto* route = std::get_if<graph::Route>(&layer.operation)) {
      Channels all;
      for (std::size_t i = 0; i < layer.inputs.size(); ++i) {
        const Channels& whole = input(layer, i);
        const int count = static_cast<int>(whole.size()) / route->groups;
        const int first = static_cast<int>(all.size());
        for (const int channel : part_of(whole, route->group * count, count)) {
          all.push_back(first + channel);
        }
      }
      return all;
    }
    if (const auto* slice = std::get_if<graph::Slice>(&layer.operation)) {
      return part_of(input(layer), slice->first, slice->channels);
    }
    if (const auto* shuffle = std::get_if<graph::Shuffle>(&layer.operation)) {
      return shuffled(input(layer), shuffle->groups);
    }
    const Channels& same = input(layer);
    const bool moves = std::holds_alternative<graph::SpaceToDepth>(layer.operation) ||
                       std::holds_alternative<graph::Attention>(layer.operation);
    return moves || static_cast<int>(same.size()) != channels ? identity(channels) : same;
  }

  // The suspect shuffles its own channels in the same way.
  static Channels shuffled(const Channels& channels, int groups) {
    const int count = static_cast<int>(channels.size()), each = count / groups;
    const auto place = [&](int channel) { return channel % each * groups + channel / each; };
    Channels out(channels.size());
    for (int from = 0; from < count; ++from) {
      out[static_cast<std::size_t>(place(from))] = place(channels[static_cast<std::size_t>(from)]);
    }
    return out;
  }

  // Sets maps_ of the layer too.
  std::optional<Aligned> find(int index, const Kernel& kernel) {
    const Layer& layer = original_.layers[static_cast<std::size_t>(index)];
    const auto& c = std::get<Convolution>(layer.operation);
    const Channels inputs = input(layer);
    // Filters of a depthwise convolution are in the order of its input.
    const bool is_depthwise = c.groups > 1 && c.groups == c.filters;
    const Channels usual = is_depthwise && inputs.size() == kernel.filters
                               ? inputs
                               : identity(static_cast<int>(kernel.filters));
    struct Best {
      std::size_t place = 0;
      Match match;
    };
    std::optional<Best> best;
    for (const bool permuted : {false, true}) {
      if (permuted && (best && best->match.likeness >= kSure)) break;
      if (permuted && is_depthwise) break;
      for (std::size_t u = 0; u < unused_.size(); ++u) {
        const auto other = kernel_of(suspect_, suspect_.layers[unused_[u]]);
        if (!fits(kernel, *other)) continue;
        const std::vector<float> turned = with_inputs(*other, inputs);
        const Kernel same{turned, other->filters, other->depth, other->taps};
        Match match =
            permuted ? match_filters(kernel, same) : Match{usual, likeness_of(kernel, same, usual)};
        if (!best || match.likeness > best->match.likeness) best = Best{u, std::move(match)};
        if (best->match.likeness > .99) break;  // no other is more like it
      }
    }
    if (!best) {
      maps_.push_back(usual);
      return {};
    }
    const auto other = kernel_of(suspect_, suspect_.layers[unused_[best->place]]);
    unused_.erase(unused_.begin() + static_cast<std::ptrdiff_t>(best->place));
    Aligned aligned{index, {}, best->match.likeness};
    const std::vector<float> turned = with_inputs(*other, inputs);
    for (const int filter : best->match.filters) {
      const auto from = turned.begin() + static_cast<std::ptrdiff_t>(filter) *
                                             static_cast<std::ptrdiff_t>(other->filter_size());
      aligned.values.insert(aligned.values.end(), from,
                            from + static_cast<std::ptrdiff_t>(other->filter_size()));
    }
    maps_.push_back(std::move(best->match.filters));
    return aligned;
  }

  static bool fits(const Kernel& a, const Kernel& b) {
    return a.filters == b.filters && a.depth == b.depth && a.taps == b.taps;
  }

  const Network &original_, &suspect_;
  std::vector<std::size_t> unused_;  // convolutions of the suspect
  std::vector<Channels> maps_;       // of the original's layers so far
  Channels image_;
};

}  // namespace

std::vector<Aligned> align(const Network& original, const Network& suspect,
                           const std::vector<int>& layers) {
  return Aligner(original, suspect).run(layers);
}

}  // namespace oko::seal
