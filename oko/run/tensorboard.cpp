#include "oko/run/tensorboard.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <span>

#include "oko/run/output.h"
#include "oko/run/run.h"
#include "oko/storage/checksum.h"

namespace oko::run {
namespace {

// Of a TFRecord frame: rotated and offset, so that a CRC of data containing CRCs stays useful.
std::uint32_t checksum_of(std::string_view data) {
  const std::uint32_t crc = storage::crc32c(std::as_bytes(std::span(data)));
  return std::rotr(crc, 15) + 0xa282ead8U;
}

template <typename T>
void put(std::string& out, T value) {
  std::array<char, sizeof value> bytes{};
  std::memcpy(bytes.data(), &value, sizeof value);
  out.append(bytes.data(), bytes.size());
}

// Protobuf's wire format: a key is field number · 8 + type.
enum WireType : std::uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}
void put_key(std::string& out, std::uint32_t field, WireType type) {
  put_varint(out, (field << 3) | type);
}
void put_bytes(std::string& out, std::uint32_t field, std::string_view bytes) {
  put_key(out, field, kBytes);
  put_varint(out, bytes.size());
  out += bytes;
}

// tensorflow.Event: 1 wall_time (double), 2 step (int64), 3 file_version, 5 summary.
std::string event_header(double wall_time, std::uint64_t step) {
  std::string event;
  put_key(event, 1, kFixed64);
  put(event, wall_time);
  put_key(event, 2, kVarint);
  put_varint(event, step);
  return event;
}

// tensorflow.Summary: 1 value, repeated; its 1 tag, 2 simple_value (float).
void put_scalar(std::string& summary, const std::string& tag, float number) {
  std::string value;
  put_bytes(value, 1, valid_utf8(tag));
  put_key(value, 2, kFixed32);
  put(value, number);
  put_bytes(summary, 1, value);
}

// Every number below `object` as a scalar named by its path, "epoch/val/loss".
void put_scalars(std::string& summary, const Json& object, const std::string& prefix) {
  for (const auto& [key, value] : object.items()) {
    if (key == "time" || key == "step") continue;
    const std::string tag = prefix + "/" + key;
    if (value.is_number()) put_scalar(summary, tag, static_cast<float>(value.get<double>()));
    if (value.is_object()) put_scalars(summary, value, tag);
  }
}

std::uint64_t step_of(const Json& event) {
  const auto it = event.find("step");
  const bool whole = it != event.end() && it->is_number_integer();
  return whole ? static_cast<std::uint64_t>(std::max<std::int64_t>(0, it->get<std::int64_t>())) : 0;
}

// TFRecord: length, its checksum, the data, its checksum.
std::string frame(const std::string& data) {
  std::string out;
  put<std::uint64_t>(out, data.size());
  put(out, checksum_of(out));
  out += data;
  put(out, checksum_of(data));
  return out;
}

}  // namespace

std::string tensorboard_records(const Json& event) {
  const std::string kind = text_of(event, "event");
  if (kind != kStepEvent && kind != kEpochEvent) return "";
  std::string summary;
  put_scalars(summary, event, kind);
  if (summary.empty()) return "";
  std::string record = event_header(number_of(event, "time"), step_of(event));
  put_bytes(record, 5, summary);
  return frame(record);
}

std::string make_tensorboard_file(std::span<const Json> events) {
  std::string first = event_header(events.empty() ? 0 : number_of(events[0], "time"), 0);
  put_bytes(first, 3, "brain.Event:2");
  std::string file = frame(first);
  for (const Json& event : events) file += tensorboard_records(event);
  return file;
}

void TensorBoardFile::restart(std::span<const Json> events) {
  replace(make_tensorboard_file(events));
}

void TensorBoardFile::write(const Json& event) {
  const std::string records = tensorboard_records(event);
  if (records.empty()) return;
  if (begun_) {
    writer_.append(uri_, records);
  } else {
    replace(make_tensorboard_file({}) + records);
  }
}

void TensorBoardFile::replace(const std::string& content) {
  const auto bytes = std::as_bytes(std::span(content));
  writer_.write(uri_, bytes.size(),
                [content = std::vector(bytes.begin(), bytes.end())] { return content; });
  begun_ = true;
}

}  // namespace oko::run
