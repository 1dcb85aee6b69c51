#include "oko/jobs/state.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "oko/base/error.h"

namespace oko::jobs {

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

double State::seconds(double now) const {
  return phase == Phase::kRunning ? ran + std::max(now - time, 0.0) : ran;
}

Json to_json(const State& state) {
  return {{"phase", word_of(state.phase)},
          {"attempt", state.attempt},
          {"restarts", state.restarts},
          {"workers", state.workers},
          {"time", state.time},
          {"ran", state.ran},
          {"host", state.host},
          {"process", state.process},
          {"reason", state.reason},
          {"last_lines", state.last_lines},
          {"code", state.code}};
}

State state_from_json(const Json& json, const std::string& name) {
  State state;
  const std::string word = json_get<std::string>(json, "phase", name);
  const auto phase = value_named<Phase>(word);
  if (!phase)
    throw input_error(name, "\"phase\" is \"" + word + "\", which this oko does not know");
  state.phase = *phase;
  state.attempt = json_get<int>(json, "attempt", name);
  state.restarts = json_get<int>(json, "restarts", name);
  state.workers = json_get<int>(json, "workers", name);
  state.time = json_get<double>(json, "time", name);
  state.ran = json_get<double>(json, "ran", name);
  for (const double value : {state.time, state.ran}) {
    if (!std::isfinite(value) || value < 0) throw input_error(name, "a time is negative");
  }
  state.host = json_get<std::string>(json, "host", name);
  state.process = json_get<std::int64_t>(json, "process", name);
  state.reason = json_get<std::string>(json, "reason", name);
  state.last_lines = json_get<std::string>(json, "last_lines", name);
  state.code = json_get<int>(json, "code", name);
  return state;
}

}  // namespace oko::jobs
