#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "oko/base/bytes.h"

namespace oko::formats::coreml {

// A field's number, or the member of an enum in fields.h that stands for it.
class FieldNumber {
 public:
  constexpr FieldNumber(std::uint32_t number) : number_(number) {}
  template <typename Enum>
  requires std::is_enum_v<Enum>
  constexpr FieldNumber(Enum number) : number_(static_cast<std::uint32_t>(number)) {}
  constexpr operator std::uint32_t() const { return number_; }

 private:
  std::uint32_t number_;
};

// One field of a protobuf message, in place in the file.
struct Field {
  std::uint32_t number = 0;
  int type = 0;                          // 0 varint, 1 eight bytes, 2 a run of bytes, 5 four bytes
  std::uint64_t value = 0;               // of types 0, 1 and 5
  std::span<const std::byte> content{};  // of type 2

  bool is(FieldNumber other) const { return number == other; }
};

// A protobuf message read in place: nothing is copied, so that no file, however crafted, needs more
// memory than its own size. All functions throw an input Error "file@byte" for malformed messages.
// The bytes and the file's name must outlive it.
class Message {
 public:
  Message() = default;
  Message(std::span<const std::byte> bytes, const std::string& file)
      : file_(&file), begin_(bytes.data()), bytes_(bytes) {}

  // Calls visit(field) for each field in order; throws for unknown wire types.
  template <typename Visit>
  void for_each(Visit visit) const {
    std::size_t at = 0;
    while (at < bytes_.size()) visit(next(at));
  }

  bool has(FieldNumber number) const;
  std::uint64_t integer(FieldNumber number, std::uint64_t otherwise = 0) const;
  bool flag(FieldNumber number) const { return integer(number) != 0; }
  float real(FieldNumber number, float otherwise = 0) const;
  double real64(FieldNumber number, double otherwise = 0) const;
  std::string text(FieldNumber number) const;
  std::span<const std::byte> content(FieldNumber number) const;  // empty if missing
  Message message(FieldNumber number) const;                     // empty if missing
  Message inside(const Field& field) const;                      // the message a field holds

  // Repeated fields, packed or not; throws if there are more than `limit` values.
  std::vector<std::int64_t> integers(FieldNumber number, std::size_t limit = 64) const;
  std::vector<float> reals(FieldNumber number, std::size_t limit) const;
  std::vector<std::string> texts(FieldNumber number, std::size_t limit) const;
  std::vector<Message> messages(FieldNumber number, std::size_t limit) const;
  // The value of a map<string, message> under a key; nothing if it is missing.
  std::optional<Message> entry(FieldNumber number, std::string_view key) const;

  bool empty() const { return bytes_.empty(); }
  std::size_t size() const { return bytes_.size(); }
  std::string place(std::size_t at = 0) const;

 private:
  Message(std::span<const std::byte> bytes, const Message& whole)
      : file_(whole.file_), begin_(whole.begin_), bytes_(bytes) {}
  Field next(std::size_t& at) const;
  std::uint64_t varint(std::size_t& at, std::size_t end) const;
  std::optional<Field> last(FieldNumber number, int type) const;
  [[noreturn]] void fail(std::size_t at, const std::string& message) const;
  void check_limit(std::size_t count, std::size_t limit) const;

  const std::string* file_ = nullptr;
  const std::byte* begin_ = nullptr;  // of the file
  std::span<const std::byte> bytes_{};
};

}  // namespace oko::formats::coreml
