#include "oko/formats/keras/hdf5_object.h"

#include <algorithm>

#include "oko/base/error.h"

namespace oko::formats::hdf5 {

ByteReader File::at(std::uint64_t address, std::uint64_t length, const char* what) {
  if (address > bytes.size() || length > bytes.size() - address) {
    throw input_error(place(address),
                      std::string(what) + " of " + std::to_string(length) +
                          " bytes would go past the end of the file",
                      "the file is cut short or damaged: copy it again");
  }
  // Every visit has a cost, so that even empty ones are bounded.
  if (length + 16 > budget) {
    throw input_error(place(address), std::string(what) + " is referenced too often",
                      "the file is damaged: copy it again");
  }
  budget -= length + 16;
  return view(address, length);
}

ByteReader File::view(std::uint64_t address, std::uint64_t length) const {
  ByteReader reader(name, bytes.part(0, address + length));
  reader.take(address, "the file");
  return reader;
}

ByteReader File::part(ByteReader& reader, std::uint64_t length, const char* what) const {
  const std::size_t position = reader.position();
  reader.take(length, what);
  return view(position, length);
}

void refuse(const std::string& place, const std::string& what) {
  throw input_error(place, "the file has " + what + ", which oko does not read",
                    "save the model again with Keras' model.save(\"model.h5\")");
}

namespace {

enum Message : std::uint16_t {
  kDataspace = 0x01,
  kLinkInfo = 0x02,
  kDatatype = 0x03,
  kLink = 0x06,
  kLayout = 0x08,
  kFilters = 0x0b,
  kAttribute = 0x0c,
  kContinuation = 0x10,
  kSymbolTable = 0x11,
  kAttributeInfo = 0x15,
};
constexpr std::uint8_t kShared = 2;  // flag of a message stored elsewhere
constexpr std::uint8_t kMaxRank = 32;

void skip(ByteReader& reader, std::size_t count, const char* what) { reader.take(count, what); }

bool is_signature(const Bytes& bytes, std::string_view signature) {
  return bytes.text().starts_with(signature);
}

Datatype read_datatype(ByteReader reader) {
  const auto head = reader.read<std::uint32_t>("a datatype");
  Datatype type;
  type.size = reader.read<std::uint32_t>("a datatype");
  const std::uint32_t kind = head & 0xfU, bits = head >> 8;
  if (kind == 3) type.kind = Datatype::Kind::kString;
  if (kind == 9 && (bits & 0xfU) == 1 && type.size == 16) {
    type.kind = Datatype::Kind::kVariableString;
  }
  if (kind != 1) return type;
  // IEEE 754 little-endian: offset 0, precision, exponent and mantissa in their standard places.
  struct Layout {
    std::uint16_t offset, precision;
    std::uint8_t exponent, exponent_size, mantissa, mantissa_size;
    std::uint32_t bias;
    bool operator==(const Layout&) const = default;
  };
  Layout layout{};
  layout.offset = reader.read<std::uint16_t>("a datatype");
  layout.precision = reader.read<std::uint16_t>("a datatype");
  layout.exponent = reader.read<std::uint8_t>("a datatype");
  layout.exponent_size = reader.read<std::uint8_t>("a datatype");
  layout.mantissa = reader.read<std::uint8_t>("a datatype");
  layout.mantissa_size = reader.read<std::uint8_t>("a datatype");
  layout.bias = reader.read<std::uint32_t>("a datatype");
  const bool big_endian = (bits & 0x41U) != 0;
  const bool known = (type.size == 2 && layout == Layout{0, 16, 10, 5, 0, 10, 15}) ||
                     (type.size == 4 && layout == Layout{0, 32, 23, 8, 0, 23, 127}) ||
                     (type.size == 8 && layout == Layout{0, 64, 52, 11, 0, 52, 1023});
  if (known && !big_endian) type.kind = Datatype::Kind::kFloat;
  return type;
}

std::vector<std::int64_t> read_dataspace(ByteReader reader) {
  const auto version = reader.read<std::uint8_t>("a dataspace");
  const auto rank = reader.read<std::uint8_t>("a dataspace");
  skip(reader, 1, "a dataspace");
  const auto kind = reader.read<std::uint8_t>("a dataspace");
  if (version == 1) skip(reader, 4, "a dataspace");
  if ((version != 1 && version != 2) || rank > kMaxRank) {
    refuse(reader.place(), "a dataspace of version " + std::to_string(version) + " and rank " +
                               std::to_string(rank));
  }
  if (version == 2 && kind == 2) return {0};  // the null dataspace: no element
  std::vector<std::int64_t> shape;
  std::int64_t count = 1;
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  for (int i = 0; i < rank; ++i) {
    const auto side = reader.read<std::uint64_t>("a dataspace");
    if (side > kMost || (side > 0 && count > kMost / static_cast<std::int64_t>(side))) {
      throw input_error(reader.place(), "a dataset of more than 2^40 values",
                        "the file is damaged: copy it again");
    }
    shape.push_back(static_cast<std::int64_t>(side));
    count *= static_cast<std::int64_t>(side);
  }
  return shape;
}

std::uint64_t count_of(const std::vector<std::int64_t>& shape) {
  std::uint64_t count = 1;
  for (const std::int64_t side : shape) count *= static_cast<std::uint64_t>(side);
  return count;
}

std::string until_zero(std::string_view text) {
  return std::string(text.substr(0, text.find('\0')));
}

Attribute read_attribute(const File& file, ByteReader reader) {
  const auto version = reader.read<std::uint8_t>("an attribute");
  const auto flags = reader.read<std::uint8_t>("an attribute");
  if (version < 1 || version > 3) {
    refuse(reader.place(), "an attribute of version " + std::to_string(version));
  }
  if (version > 1 && flags != 0) refuse(reader.place(), "an attribute with a shared datatype");
  const std::size_t name = reader.read<std::uint16_t>("an attribute");
  const std::size_t type = reader.read<std::uint16_t>("an attribute");
  const std::size_t space = reader.read<std::uint16_t>("an attribute");
  if (version == 3) skip(reader, 1, "an attribute");
  // In version 1 each part is filled up to a multiple of 8.
  const auto part = [&](std::size_t length) {
    return file.part(reader, version == 1 ? (length + 7) / 8 * 8 : length, "an attribute");
  };
  Attribute attribute;
  ByteReader named = part(name);
  attribute.name = until_zero(named.take(named.remaining(), "an attribute").text());
  attribute.type = read_datatype(part(type));
  attribute.count = count_of(read_dataspace(part(space)));
  attribute.data = reader.take(reader.remaining(), "an attribute");
  return attribute;
}

std::optional<Link> read_link(ByteReader reader) {
  skip(reader, 1, "a link");
  const auto flags = reader.read<std::uint8_t>("a link");
  const auto kind = (flags & 8U) != 0 ? reader.read<std::uint8_t>("a link") : std::uint8_t{0};
  if ((flags & 4U) != 0) skip(reader, 8, "a link");
  if ((flags & 16U) != 0) skip(reader, 1, "a link");
  std::uint64_t length = 0;
  for (unsigned i = 0; i < 1U << (flags & 3U); ++i) {
    length |= std::uint64_t{reader.read<std::uint8_t>("a link")} << (8 * i);
  }
  if (length > reader.remaining()) skip(reader, reader.remaining() + 1, "the name of a link");
  Link link;
  link.name = std::string(reader.take(length, "the name of a link").text());
  if (kind != 0) return std::nullopt;  // Keras never writes soft or external links
  link.address = reader.read<std::uint64_t>("a link");
  return link;
}

class HeaderReader {
 public:
  HeaderReader(File& file, std::uint64_t address) : file_(file), address_(address) {}

  Object run() {
    if (is_signature(file_.at(address_, 4, "an object").take(4, "an object"), "OHDR")) {
      begin_version_2();
    } else {
      begin_version_1();
    }
    // Continuations are found on the way.
    for (std::size_t i = 0; i < blocks_.size(); ++i) read_block(blocks_[i]);
    return std::move(object_);
  }

 private:
  struct Block {
    std::uint64_t address = 0, length = 0;
  };

  void begin_version_1() {
    ByteReader reader = file_.at(address_, 16, "an object");
    if (reader.read<std::uint8_t>("an object") != 1) {
      refuse(file_.place(address_), "an object header of an unknown version");
    }
    skip(reader, 7, "an object");
    blocks_.push_back({address_ + 16, reader.read<std::uint32_t>("an object")});
  }

  void begin_version_2() {
    version_ = 2;
    constexpr std::uint64_t kMostHead = 4 + 1 + 1 + 16 + 4 + 8;
    const std::uint64_t left = file_.bytes.size() - address_;
    ByteReader reader = file_.at(address_, std::min(kMostHead, left), "an object");
    skip(reader, 4, "an object");
    const auto version = reader.read<std::uint8_t>("an object");
    const auto flags = reader.read<std::uint8_t>("an object");
    if (version != 2) refuse(file_.place(address_), "an object header of an unknown version");
    has_order_ = (flags & 4U) != 0;
    skip(reader, ((flags & 0x20U) != 0 ? 16U : 0U) + ((flags & 0x10U) != 0 ? 4U : 0U), "an object");
    std::uint64_t length = 0;
    for (unsigned i = 0; i < 1U << (flags & 3U); ++i) {
      length |= std::uint64_t{reader.read<std::uint8_t>("an object")} << (8 * i);
    }
    blocks_.push_back({reader.position(), length});
  }

  void read_block(const Block& block) {
    ByteReader reader = file_.at(block.address, block.length, "an object's header");
    const std::size_t head = version_ == 1 ? 8 : has_order_ ? 6 : 4;
    while (reader.remaining() >= head) {
      std::uint16_t kind = 0, size = 0;
      std::uint8_t flags = 0;
      if (version_ == 1) {
        kind = reader.read<std::uint16_t>("a message");
        size = reader.read<std::uint16_t>("a message");
        flags = reader.read<std::uint8_t>("a message");
        skip(reader, 3, "a message");
      } else {
        kind = reader.read<std::uint8_t>("a message");
        size = reader.read<std::uint16_t>("a message");
        flags = reader.read<std::uint8_t>("a message");
        if (has_order_) skip(reader, 2, "a message");
      }
      read_message(kind, flags, file_.part(reader, size, "a message"));
    }
  }

  void read_message(std::uint16_t kind, std::uint8_t flags, ByteReader reader) {
    const bool known = kind == kDataspace || kind == kDatatype || kind == kAttribute ||
                       kind == kLayout || kind == kLink || kind == kSymbolTable;
    if (known && (flags & kShared) != 0) refuse(reader.place(), "shared messages");
    switch (kind) {
      case kDataspace:
        object_.shape = read_dataspace(std::move(reader));
        break;
      case kDatatype:
        object_.type = read_datatype(std::move(reader));
        break;
      case kAttribute:
        object_.attributes.push_back(read_attribute(file_, std::move(reader)));
        break;
      case kLink:
        if (auto link = read_link(std::move(reader))) object_.links.push_back(std::move(*link));
        break;
      case kSymbolTable:
        object_.symbols = SymbolTable{reader.read<std::uint64_t>("a symbol table"),
                                      reader.read<std::uint64_t>("a symbol table")};
        break;
      case kLayout:
        read_layout(std::move(reader));
        break;
      case kFilters:
        object_.refusal = "a compressed dataset";
        break;
      case kLinkInfo:
        read_info(std::move(reader), 8);
        break;
      case kAttributeInfo:
        read_info(std::move(reader), 2);
        break;
      case kContinuation:
        read_continuation(std::move(reader));
        break;
      default:
        break;
    }
  }

  // Both infos start alike: version, flags, an optional count of `count_size` bytes, and the
  // address of the fractal heap, if there is one.
  void read_info(ByteReader reader, std::size_t count_size) {
    skip(reader, 1, "an info message");
    const auto flags = reader.read<std::uint8_t>("an info message");
    if ((flags & 1U) != 0) skip(reader, count_size, "an info message");
    if (reader.read<std::uint64_t>("an info message") != kNoAddress) object_.dense = true;
  }

  void read_continuation(ByteReader reader) {
    Block block;
    block.address = reader.read<std::uint64_t>("a continuation");
    block.length = reader.read<std::uint64_t>("a continuation");
    if (version_ == 2) {
      constexpr std::uint64_t kSignature = 4, kChecksum = 4;
      const Bytes head = file_.at(block.address, kSignature, "a continuation").take(4, "OCHK");
      if (!is_signature(head, "OCHK") || block.length < kSignature + kChecksum) {
        throw input_error(file_.place(block.address), "a continuation without its signature",
                          "the file is damaged: copy it again");
      }
      block.address += kSignature;
      block.length -= kSignature + kChecksum;
    }
    blocks_.push_back(block);
  }

  void read_layout(ByteReader reader) {
    const auto version = reader.read<std::uint8_t>("a layout");
    const auto kind = reader.read<std::uint8_t>("a layout");
    if (version != 3 && version != 4) {
      object_.refusal = "a data layout of version " + std::to_string(version);
    } else if (kind == 0) {
      object_.data = reader.take(reader.read<std::uint16_t>("a layout"), "compact data");
    } else if (kind == 1) {
      const auto address = reader.read<std::uint64_t>("a layout");
      const auto length = reader.read<std::uint64_t>("a layout");
      if (address == kNoAddress) {
        object_.data = Bytes();  // nothing was ever written
      } else {
        object_.data = file_.at(address, length, "a dataset").take(length, "a dataset");
      }
    } else {
      object_.refusal = "a chunked dataset";
    }
  }

  File& file_;
  std::uint64_t address_;
  int version_ = 1;
  bool has_order_ = false;
  std::vector<Block> blocks_;
  Object object_;
};

}  // namespace

Object read_object(File& file, std::uint64_t address) {
  Object object = HeaderReader(file, address).run();
  for (Attribute& attribute : object.attributes) attribute.address = address;
  return object;
}

}  // namespace oko::formats::hdf5
