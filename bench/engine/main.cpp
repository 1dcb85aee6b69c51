// How fast engines run a detector's network: oko's and others', each in its own process, taking
// turns so that other load affects them equally.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <sstream>
#include <thread>

#include "contender.h"
#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/storage/store.h"
#include "prepare.h"
#include "process.h"

namespace oko::bench {
namespace {

// Threads of an engine may spin for some milliseconds after its last run: pause meanwhile.
constexpr std::chrono::milliseconds kPause(20);

// Allowed difference from the reference heads: fp32 by rounding, int8 by quantization error.
constexpr double kLargestDifference = 1e-2, kLargestInt8Error = .25;

struct Options {
  std::vector<std::string> models = {"yolov3-tiny"}, precisions = {"fp32", "int8"};
  std::vector<int> threads = {1, 2};
  std::string input, onnxruntime, only, work, target = "auto";
  int rounds = 5, runs = 5;
  bool json = false, prepare = false;
};

struct Case {
  std::string model, precision;
  int threads = 1;
};

struct Result {
  std::string name;
  std::vector<double> milliseconds{}, processor_milliseconds{};  // of each run
  double difference = 0, error = 0;              // largest; RMS relative to the heads'
  long first_kilobytes = 0, peak_kilobytes = 0;  // before the network was opened; peak
  long model_kilobytes() const { return peak_kilobytes - first_kilobytes; }
  std::string failure{};
  std::unique_ptr<Process> process{};
};

double smallest(const std::vector<double>& values) {
  return *std::min_element(values.begin(), values.end());
}

double median(const std::vector<double>& values) {
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  return sorted[sorted.size() / 2];
}

std::string own_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
}

struct Program {
  std::string name;
  std::vector<std::string> command;
};

// What holds other engines to the instructions of one of oko's targets. Engines that are not here
// cannot be held.
struct Held {
  const char *target, *engine, *variable, *value;
};
constexpr Held kHeld[] = {{"avx2", "onednn", "ONEDNN_MAX_CPU_ISA", "AVX2"},
                          {"avx2", "opencv", "OPENCV_CPU_DISABLE", "AVX512-SKX,AVX512-ICL"},
                          {"sse4", "onednn", "ONEDNN_MAX_CPU_ISA", "SSE41"}};

const Held* held(const std::string& target, const std::string& engine) {
  const auto* found = std::find_if(std::begin(kHeld), std::end(kHeld), [&](const Held& h) {
    return h.target == target && h.engine == engine;
  });
  return found == std::end(kHeld) ? nullptr : found;
}

// The contenders that were built, oko's first.
std::vector<Program> find_programs(const Options& options) {
  std::vector<Program> all;
  for (const char* name : {"oko", "ncnn", "onednn", "opencv"}) {
    const std::string program = storage::join(own_folder(), fmt::format("contender_{}", name));
    if (storage::exists(program)) {
      all.push_back({name, {program}});
    } else {
      fmt::print(stderr, "{}: not built, skipped\n", name);
    }
  }
  if (options.onnxruntime.empty()) {
    fmt::print(stderr, "onnxruntime: no --onnxruntime FOLDER, skipped\n");
  } else {
    all.push_back(
        {"onnxruntime", {"node", storage::join(own_folder(), "onnxruntime_contender.cjs")}});
  }
  std::erase_if(all, [&](const Program& p) {
    if (p.name == "oko") return false;
    const bool free = options.target == "auto" || held(options.target, p.name) != nullptr;
    if (!free) fmt::print(stderr, "{}: cannot be held to {}, skipped\n", p.name, options.target);
    return !free || p.name.find(options.only) == std::string::npos;
  });
  return all;
}

void compare(const std::vector<float>& expected, const std::vector<float>& heads, Result& result) {
  if (heads.size() != expected.size()) {
    throw Error(ErrorCode::kFailed, result.name,
                fmt::format("{} values in its heads, not {}", heads.size(), expected.size()));
  }
  double squares = 0, difference_squares = 0;
  for (std::size_t i = 0; i < heads.size(); ++i) {
    const double right = static_cast<double>(expected[i]);
    const double difference = std::abs(static_cast<double>(heads[i]) - right);
    result.difference = std::max(result.difference, difference);
    squares += right * right;
    difference_squares += difference * difference;
  }
  result.error = std::sqrt(difference_squares / squares);
}

void start(Result& result, std::vector<std::string> command, const Case& c,
           const std::string& folder, const std::vector<float>& expected, const Options& options) {
  const std::string heads_file = storage::join(folder, result.name + "-heads.f32");
  for (const std::string& argument : {folder, c.precision, std::to_string(c.threads), heads_file}) {
    command.push_back(argument);
  }
  std::map<std::string, std::string> environment = {
      {"NODE_PATH", storage::join(options.onnxruntime, "node_modules")}};
  if (options.target != "auto") environment["OKO_BENCH_TARGET"] = options.target;
  if (const Held* h = held(options.target, result.name)) environment[h->variable] = h->value;
  result.process = std::make_unique<Process>(command, environment);
  std::istringstream answer(result.process->read_line());
  std::string ready;
  answer >> ready >> result.first_kilobytes;
  compare(expected, read_floats(heads_file), result);
  const bool right = c.precision == "fp32" ? result.difference <= kLargestDifference
                                           : result.error <= kLargestInt8Error;
  if (!right) {
    throw Error(ErrorCode::kFailed, result.name,
                fmt::format("wrong results: heads differ by up to {:.3g}, {:.1f} %",
                            result.difference, result.error * 100));
  }
}

void take_turn(Result& result, int runs) {
  std::this_thread::sleep_for(kPause);
  result.process->write_line(fmt::format("run {}", runs));
  std::istringstream answer(result.process->read_line());
  for (double passed, processor; answer >> passed >> processor;) {
    result.milliseconds.push_back(passed / 1e6);
    result.processor_milliseconds.push_back(processor / 1e6);
  }
}

std::vector<Result> measure(const Case& c, const std::vector<Program>& programs,
                            const std::string& folder, const std::vector<float>& expected,
                            const Options& options) {
  std::vector<Result> results;
  for (const auto& [name, command] : programs) {
    Result& result = results.emplace_back(Result{name});
    try {
      start(result, command, c, folder, expected, options);
    } catch (const Error& e) {
      result.failure = e.what();
      result.process.reset();
    }
  }
  std::erase_if(results, [](const Result& r) {
    if (!r.failure.empty()) fmt::print(stderr, "{} skipped: {}\n", r.name, r.failure);
    return !r.failure.empty();
  });
  for (int round = 0; round < options.rounds; ++round) {
    for (std::size_t k = 0; k < results.size(); ++k) {
      take_turn(results[(static_cast<std::size_t>(round) + k) % results.size()], options.runs);
    }
  }
  for (Result& r : results) {
    r.peak_kilobytes = r.process->peak_kilobytes();
    r.process.reset();
  }
  return results;
}

// Times are relative to oko, which comes first.
void print_table(const Case& c, const graph::Network& network, const std::vector<Result>& results,
                 const Options& options) {
  constexpr const char* kHead =
      "| {:<11} | {:>7} | {:>7} | {:>9} | {:>12} | {:>9} | {:>7} | {:>12} | {:>10} | {:>9} |\n";
  constexpr const char* kRow =
      "| {:<11} | {:>7.2f} | {:>7.2f} | {:>9} | {:>12} | {:>9} | {:>7.0f} | {:>12.0f} | {:>10.2g} "
      "| {:>7.2g} % |\n";
  fmt::print("\n{} at {}x{}, {}{}, {}, {} rounds of {}\n\n", network.name, network.input.width,
             network.input.height, c.precision,
             options.target == "auto" ? "" : " on " + options.target,
             c.threads == 1 ? "1 thread" : fmt::format("{} threads", c.threads), options.rounds,
             options.runs);
  fmt::print(kHead, "", "min ms", "median", "min / oko", "median / oko", "CPU / oko", "peak MB",
             "of the model", "difference", "error");
  fmt::print(
      "| :{0:-<10} | {0:->6}: | {0:->6}: | {0:->8}: | {0:->11}: | {0:->8}: | {0:->6}: | "
      "{0:->11}: | {0:->9}: | {0:->8}: |\n",
      "");
  for (const Result& r : results) {
    const auto ratio = [&](double (*summary)(const std::vector<double>&), auto times) {
      if (results[0].name != "oko") return std::string("-");
      return fmt::format("{:.2f}", summary(r.*times) / summary(results[0].*times));
    };
    fmt::print(kRow, r.name, smallest(r.milliseconds), median(r.milliseconds),
               ratio(smallest, &Result::milliseconds), ratio(median, &Result::milliseconds),
               ratio(median, &Result::processor_milliseconds),
               static_cast<double>(r.peak_kilobytes) / 1024,
               static_cast<double>(r.model_kilobytes()) / 1024, r.difference, r.error * 100);
  }
}

Json to_json(const Case& c, const std::vector<Result>& results) {
  Json all = Json::array();
  for (const Result& r : results) {
    all.push_back({{"model", c.model},
                   {"precision", c.precision},
                   {"threads", c.threads},
                   {"engine", r.name},
                   {"milliseconds", r.milliseconds},
                   {"processor_milliseconds", r.processor_milliseconds},
                   {"min", smallest(r.milliseconds)},
                   {"median", median(r.milliseconds)},
                   {"peak_kilobytes", r.peak_kilobytes},
                   {"model_kilobytes", r.model_kilobytes()},
                   {"largest_difference", r.difference},
                   {"error", r.error}});
  }
  return all;
}

// A temporary folder, or the one the user named.
class WorkFolder {
 public:
  explicit WorkFolder(const std::string& wanted) : path_(wanted), keep_(!wanted.empty()) {
    if (keep_) return;
    std::string name = (std::filesystem::temp_directory_path() / "oko_bench_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      throw Error(ErrorCode::kStorage, name, "cannot create the folder");
    }
    path_ = name;
  }
  ~WorkFolder() {
    std::error_code ignored;
    if (!keep_) std::filesystem::remove_all(path_, ignored);
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool keep_;
};

// Only what a run would write: for benchmarks of other kinds of engines.
void write_files(const Options& options) {
  if (options.work.empty() || options.models.size() != 1) {
    throw input_error("--prepare", "needs --work FOLDER and one model");
  }
  prepare(options.models[0], options.input, options.work);
}

void run(const Options& options) {
  const std::vector<Program> programs = find_programs(options);
  const WorkFolder work(options.work);
  Json all = Json::array();
  for (const std::string& model : options.models) {
    const Prepared prepared = prepare(model, options.input, work.path());
    for (const std::string& precision : options.precisions) {
      for (const int threads : options.threads) {
        const Case c{model, precision, threads};
        const auto results = measure(c, programs, work.path(), prepared.expected, options);
        if (options.json) {
          for (const Json& row : to_json(c, results)) all.push_back(row);
        } else {
          print_table(c, prepared.network, results, options);
        }
      }
    }
  }
  if (options.json) fmt::print("{}\n", all.dump(2));
}

}  // namespace
}  // namespace oko::bench

int main(int argc, char** argv) {
  oko::bench::Options options;
  CLI::App app("Compares oko's engine with others on the same network", "oko_bench_engine");
  app.add_option(
         "model", options.models,
         "A built-in network (with synthetic weights), .oko, or .cfg with .weights beside it")
      ->capture_default_str();
  app.add_option("--input", options.input, "Image, or planar floats (.f32); default: noise");
  app.add_option("--precision", options.precisions, "fp32, int8")
      ->delimiter(',')
      ->check(CLI::IsMember({"fp32", "int8"}))
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Numbers of threads, one table each")
      ->delimiter(',')
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--target", options.target,
                 "Instruction set of oko's engine, for engines that can be held to the same: avx2, "
                 "sse4 (default: the best)");
  app.add_option("--rounds", options.rounds, "Turns per engine")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--runs", options.runs, "Timed runs per turn, after one warm-up run")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--only", options.only, "Only oko and engines with this in their name");
  app.add_option("--onnxruntime", options.onnxruntime,
                 "Folder in which npm install onnxruntime-node was run");
  app.add_option("--work", options.work,
                 "Folder for the engines' files, kept (default: temporary)");
  app.add_flag("--prepare", options.prepare, "Only write these files, of one model");
  app.add_flag("--json", options.json, "Print all times as JSON");
  CLI11_PARSE(app, argc, argv);
  try {
    if (options.prepare) {
      oko::bench::write_files(options);
    } else {
      oko::bench::run(options);
    }
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 1;
  }
  return 0;
}
