#include "oko/formats/coreml/wire.h"

#include <cstring>

#include "oko/base/error.h"
#include "oko/formats/coreml/fields.h"

namespace oko::formats::coreml {
namespace {

constexpr int kVarint = 0, kEightBytes = 1, kRun = 2, kFourBytes = 5;

template <typename T>
T number_from(std::uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof value);  // the low bytes: little-endian
  return value;
}

}  // namespace

std::string Message::place(std::size_t at) const {
  if (file_ == nullptr) return "model";
  const std::size_t start =
      bytes_.data() == nullptr ? 0 : static_cast<std::size_t>(bytes_.data() - begin_);
  return *file_ + "@" + std::to_string(start + at);
}

void Message::fail(std::size_t at, const std::string& message) const {
  throw input_error(place(at), message, "the file is damaged or not a Core ML model");
}

void Message::check_limit(std::size_t count, std::size_t limit) const {
  if (count > limit) fail(0, "a list has more than " + std::to_string(limit) + " members");
}

std::uint64_t Message::varint(std::size_t& at, std::size_t end) const {
  const std::size_t start = at;
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (at >= end) fail(start, "a number runs past the end of its message");
    const auto byte = std::to_integer<std::uint64_t>(bytes_[at++]);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  fail(start, "a number is longer than ten bytes");
}

Field Message::next(std::size_t& at) const {
  const std::size_t start = at;
  const std::uint64_t tag = varint(at, bytes_.size());
  Field field;
  field.number = static_cast<std::uint32_t>(tag >> 3);
  field.type = static_cast<int>(tag & 7);
  if (tag >> 3 == 0 || tag >> 32 != 0) fail(start, "a field has no number");
  if (field.type == kVarint) {
    field.value = varint(at, bytes_.size());
    return field;
  }
  std::size_t length = field.type == kEightBytes ? 8 : 4;
  if (field.type == kRun) {
    const std::uint64_t declared = varint(at, bytes_.size());
    if (declared > bytes_.size() - at) {
      fail(start, "field " + std::to_string(field.number) + " declares " +
                      std::to_string(declared) + " bytes, " + std::to_string(bytes_.size() - at) +
                      " are left");
    }
    length = static_cast<std::size_t>(declared);
  } else if (field.type != kEightBytes && field.type != kFourBytes) {
    fail(start, "field " + std::to_string(field.number) + " has the unknown wire type " +
                    std::to_string(field.type));
  }
  if (length > bytes_.size() - at) fail(start, "a field runs past the end of its message");
  field.content = bytes_.subspan(at, length);
  if (field.type != kRun) std::memcpy(&field.value, field.content.data(), length);
  at += length;
  return field;
}

std::optional<Field> Message::last(FieldNumber number, int type) const {
  std::optional<Field> found;
  for_each([&](const Field& field) {
    if (field.is(number)) found = field;
  });
  if (found && found->type != type) {
    fail(0, "field " + std::to_string(std::uint32_t{number}) + " has the wire type " +
                std::to_string(found->type) + ", not " + std::to_string(type));
  }
  return found;
}

bool Message::has(FieldNumber number) const {
  bool found = false;
  for_each([&](const Field& field) { found |= field.is(number); });
  return found;
}

std::uint64_t Message::integer(FieldNumber number, std::uint64_t otherwise) const {
  const auto field = last(number, kVarint);
  return field ? field->value : otherwise;
}

float Message::real(FieldNumber number, float otherwise) const {
  const auto field = last(number, kFourBytes);
  return field ? number_from<float>(field->value) : otherwise;
}

double Message::real64(FieldNumber number, double otherwise) const {
  const auto field = last(number, kEightBytes);
  return field ? number_from<double>(field->value) : otherwise;
}

std::span<const std::byte> Message::content(FieldNumber number) const {
  const auto field = last(number, kRun);
  return field ? field->content : std::span<const std::byte>{};
}

std::string Message::text(FieldNumber number) const {
  const auto bytes = content(number);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Message Message::message(FieldNumber number) const { return {content(number), *this}; }

Message Message::inside(const Field& field) const {
  if (field.type != kRun) fail(0, "field " + std::to_string(field.number) + " is not a message");
  return {field.content, *this};
}

std::vector<std::int64_t> Message::integers(FieldNumber number, std::size_t limit) const {
  std::vector<std::int64_t> values;
  const auto add = [&](std::uint64_t value) {
    values.push_back(static_cast<std::int64_t>(value));
    check_limit(values.size(), limit);
  };
  for_each([&](const Field& field) {
    if (!field.is(number)) return;
    if (field.type != kRun) return add(field.value);
    const Message packed(field.content, *this);
    std::size_t at = 0;
    while (at < packed.bytes_.size()) add(packed.varint(at, packed.bytes_.size()));
  });
  return values;
}

std::vector<float> Message::reals(FieldNumber number, std::size_t limit) const {
  std::vector<float> values;
  for_each([&](const Field& field) {
    if (!field.is(number)) return;
    if (field.type == kVarint || field.type == kEightBytes || field.content.size() % 4 != 0) {
      fail(0,
           "field " + std::to_string(std::uint32_t{number}) + " is not a list of float32 values");
    }
    const std::size_t before = values.size();
    check_limit(before + field.content.size() / 4, limit);
    values.resize(before + field.content.size() / 4);
    if (field.content.empty()) return;
    std::memcpy(values.data() + before, field.content.data(), field.content.size());
  });
  return values;
}

std::vector<std::string> Message::texts(FieldNumber number, std::size_t limit) const {
  std::vector<std::string> values;
  for_each([&](const Field& field) {
    if (!field.is(number)) return;
    if (field.type != kRun)
      fail(0, "field " + std::to_string(std::uint32_t{number}) + " is not a string");
    values.emplace_back(reinterpret_cast<const char*>(field.content.data()), field.content.size());
    check_limit(values.size(), limit);
  });
  return values;
}

std::vector<Message> Message::messages(FieldNumber number, std::size_t limit) const {
  std::vector<Message> values;
  for_each([&](const Field& field) {
    if (!field.is(number)) return;
    values.push_back(inside(field));
    check_limit(values.size(), limit);
  });
  return values;
}

std::optional<Message> Message::entry(FieldNumber number, std::string_view key) const {
  std::optional<Message> found;
  for_each([&](const Field& field) {
    if (!field.is(number)) return;
    const Message pair = inside(field);
    if (pair.text(MapEntry::kKey) == key) found = pair.message(MapEntry::kValue);
  });
  return found;
}

}  // namespace oko::formats::coreml
