#include "oko/run/run.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <string_view>

#include "oko/base/error.h"
#include "oko/storage/store.h"

namespace oko::run {
namespace {

// Milliseconds suffice and keep the lines short.
double now() {
  using namespace std::chrono;
  const auto since = system_clock::now().time_since_epoch();
  return static_cast<double>(duration_cast<milliseconds>(since).count()) / 1000;
}

// Up to and including the last newline.
std::string_view whole_lines(std::string_view text) {
  const auto end = text.rfind('\n');
  return end == std::string_view::npos ? std::string_view() : text.substr(0, end + 1);
}

Json parse_event(std::string_view line, const std::string& place) {
  constexpr const char* kHint = "correct or remove that line, or move the whole log away";
  try {
    Json event = parse_json(line, place);
    if (event.is_object()) return event;
  } catch (const Error& e) {
    throw input_error(e.place(), e.message(), kHint);
  }
  throw input_error(place, "a log line must be a JSON object", kHint);
}

}  // namespace

std::string Paths::recipe() const { return storage::join(folder, "run.toml"); }
std::string Paths::log() const { return storage::join(folder, "log.jsonl"); }
std::string Paths::checkpoints() const { return storage::join(folder, "checkpoints"); }
std::string Paths::stage_model() const { return storage::join(folder, "stage.oko"); }
std::string Paths::model() const { return storage::join(folder, "model.oko"); }
std::string Paths::report() const { return storage::join(folder, "report.html"); }
std::string Paths::tensorboard() const { return storage::join(folder, "tensorboard"); }
std::string Paths::owner() const { return storage::join(folder, "owner.json"); }

Log::Log(Writer& writer, std::string uri) : writer_(writer), uri_(std::move(uri)) {
  const auto entry = storage::stat(uri_);
  size_ = entry ? entry->size : 0;
}

Json Log::write(Json event) {
  Json line = {{"event", text_of(event, "event")}, {"time", now()}};
  line.update(event);
  // The JSON writer turns non-finite numbers into null.
  const std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  writer_.append(uri_, text);
  size_ += text.size();
  return line;
}

void Log::truncate(std::uint64_t size) {
  writer_.flush();
  size_ = 0;
  if (!storage::exists(uri_)) return;
  const std::string text = storage::read_text(uri_);
  const std::string_view kept =
      whole_lines(std::string_view(text).substr(0, std::min<std::uint64_t>(size, text.size())));
  if (kept.size() != text.size()) storage::write(uri_, kept);
  size_ = kept.size();
}

std::vector<Json> read_log(const std::string& uri) {
  const std::string text = storage::read_text(uri);
  std::vector<Json> events;
  std::string_view rest = whole_lines(text);
  for (int number = 1; !rest.empty(); ++number) {
    const auto end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    if (!line.empty()) events.push_back(parse_event(line, uri + ":" + std::to_string(number)));
    rest.remove_prefix(end + 1);
  }
  return events;
}

double number_of(const Json& event, const char* key) {
  const auto it = event.find(key);
  return it != event.end() && it->is_number() ? it->get<double>()
                                              : std::numeric_limits<double>::quiet_NaN();
}

std::string text_of(const Json& event, const char* key) {
  const auto it = event.find(key);
  return it != event.end() && it->is_string() ? it->get<std::string>() : std::string();
}

}  // namespace oko::run
