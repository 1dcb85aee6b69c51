#include "oko/bench/adb.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <utility>

#include "oko/base/command.h"
#include "oko/base/error.h"
#include "oko/base/text.h"

namespace oko::bench {
namespace {

namespace fs = std::filesystem;

constexpr double kShort = 60, kLong = 1200;  // seconds: a question; copying and measuring
constexpr char kPlace[] = "adb";

struct Abi {
  const char* name;
  unsigned machine;  // of ELF files
};
constexpr auto kAbis =
    std::to_array<Abi>({{"arm64-v8a", 183}, {"armeabi-v7a", 40}, {"x86_64", 62}});

using Stop = std::function<bool()>;

struct Answer {
  int code = 0;
  std::string output, errors;
};

Answer ask(std::vector<std::string> words, double most_seconds, const Stop& stop = {}) {
  Answer answer;
  Command command;
  command.words = std::move(words);
  command.words.insert(command.words.begin(), "adb");
  command.output = [&](std::string_view more) {
    if (answer.output.size() + more.size() > kMostText) {
      throw input_error("oko-bench", "printed more than 1 MiB");
    }
    answer.output += more;
  };
  command.most_seconds = most_seconds;
  command.stop = stop;
  const CommandResult result = run_command(command);
  if (result.missing) {
    throw Error(
        ErrorCode::kFailed, kPlace, "there is no program adb",
        "install it (Debian: adb; elsewhere Android's platform tools) so that it is in PATH");
  }
  if (result.stalled) {
    throw Error(ErrorCode::kFailed, kPlace, "no answer from the phone",
                "reconnect it, unlock its screen, and try again");
  }
  answer.code = result.code;
  answer.errors = result.errors;
  return answer;
}

std::string first_line(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \r\n");
  if (begin == std::string::npos) return "no message";
  return printable(std::string_view(text).substr(begin, text.find_first_of("\r\n", begin) - begin));
}

std::string done(Answer answer, const std::string& what) {
  if (answer.code != 0) {
    throw Error(
        ErrorCode::kFailed, kPlace,
        what + " failed: " + first_line(answer.errors.empty() ? answer.output : answer.errors));
  }
  return std::move(answer.output);
}

std::string property(const std::string& serial, const char* name) {
  std::string text =
      done(ask({"-s", serial, "shell", "getprop", name}, kShort), "asking the phone");
  text.erase(std::find_if(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n'; }),
             text.end());
  return text.substr(0, 256);
}

const Abi* abi_named(std::string_view name) {
  const auto found = std::ranges::find(kAbis, name, &Abi::name);
  return found == kAbis.end() ? nullptr : &*found;
}

// adb gives what follows "shell" to the phone's shell as one line, so these words must mean nothing
// to it. No name of a file and no serial number is among them.
bool is_plain(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '/' || c == '.';
  });
}

// A new folder of the phone, which everyone who uses adb may write to. What is done in it can be
// stopped; making and removing it cannot, so that it is never left behind.
class PhoneFolder {
 public:
  PhoneFolder(const std::string& serial, Stop stop) : serial_(serial), stop_(std::move(stop)) {
    std::random_device random;
    path_ = "/data/local/tmp/oko-bench-" + hex_digits(random(), 8) + hex_digits(random(), 8);
    done(shell({"mkdir", path_}, kShort, {}), "making a folder on the phone");
  }
  ~PhoneFolder() {
    try {
      shell({"rm", "-rf", path_}, kShort, {});
    } catch (const std::exception&) {  // the phone is gone, and there is another error already
    }
  }
  PhoneFolder(const PhoneFolder&) = delete;
  PhoneFolder& operator=(const PhoneFolder&) = delete;

  std::string file(const char* name) const { return path_ + "/" + name; }
  void push(const std::string& from, const char* name) const {
    const std::string absolute = fs::absolute(from).string();  // no option, whatever its name is
    done(ask({"-s", serial_, "push", absolute, file(name)}, kLong, stop_), "copying to the phone");
  }
  Answer shell(std::vector<std::string> words, double most_seconds) const {
    return shell(std::move(words), most_seconds, stop_);
  }

 private:
  Answer shell(std::vector<std::string> words, double most_seconds, const Stop& stop) const {
    for (const std::string& word : words) {
      if (!is_plain(word)) {
        throw Error(ErrorCode::kUsage, kPlace,
                    "not given to the phone's shell: " + printable(word));
      }
    }
    words.insert(words.begin(), {"-s", serial_, "shell"});
    return ask(std::move(words), most_seconds, stop);
  }

  std::string serial_, path_;
  Stop stop_;
};

unsigned machine_of(const std::string& program) {
  std::array<unsigned char, 20> head{};
  std::ifstream file(program, std::ios::binary);
  file.read(reinterpret_cast<char*>(head.data()), head.size());
  if (!file || head[0] != 0x7f || head[1] != 'E' || head[2] != 'L' || head[3] != 'F') {
    throw input_error(program, "is not a program for Android",
                      "build it by scripts/build_bench.sh");
  }
  return head[18] | head[19] << 8U;
}

}  // namespace

std::vector<Attached> attached_in(std::string_view text) {
  std::vector<Attached> all;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() < text.size() ? line.size() + 1 : text.size());
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos || tab == 0) continue;
    all.push_back({std::string(line.substr(0, tab)), std::string(line.substr(tab + 1))});
  }
  return all;
}

std::string chosen_serial(const std::vector<Attached>& attached, const std::string& wanted) {
  if (attached.empty()) {
    throw Error(ErrorCode::kFailed, kPlace, "no phone is connected",
                "turn on USB debugging in the phone's developer options and connect it");
  }
  std::string names;
  for (const Attached& one : attached) names += (names.empty() ? "" : ", ") + printable(one.serial);
  if (wanted.empty() && attached.size() > 1) {
    throw Error(ErrorCode::kFailed, kPlace, "several phones are connected: " + names,
                "choose one with --serial");
  }
  const auto found =
      wanted.empty() ? attached.begin() : std::ranges::find(attached, wanted, &Attached::serial);
  if (found == attached.end()) {
    throw Error(ErrorCode::kFailed, "--serial", "no phone " + printable(wanted) + " is connected",
                "connected: " + names);
  }
  if (found->state == "device") return found->serial;
  const std::string place = printable(found->serial);
  if (found->state == "unauthorized") {
    throw Error(ErrorCode::kFailed, place, "the phone does not trust this computer yet",
                "unlock the phone and allow USB debugging");
  }
  throw Error(ErrorCode::kFailed, place, "the phone is not ready: " + printable(found->state),
              "reconnect it, or run adb kill-server");
}

Phone find_phone(const std::string& wanted_serial) {
  Phone phone;
  phone.serial =
      chosen_serial(attached_in(done(ask({"devices"}, kShort), "adb devices")), wanted_serial);
  const std::string abis = property(phone.serial, "ro.product.cpu.abilist");
  for (std::string_view rest = abis; !rest.empty() && phone.abi.empty();) {
    const std::string_view name = rest.substr(0, rest.find(','));
    rest.remove_prefix(name.size() < rest.size() ? name.size() + 1 : rest.size());
    if (abi_named(name) != nullptr) phone.abi = name;
  }
  if (phone.abi.empty()) {
    throw Error(ErrorCode::kFailed, printable(phone.serial),
                "there is no oko for the phone's processor: " + printable(abis));
  }
  phone.maker = property(phone.serial, "ro.product.manufacturer");
  phone.model = property(phone.serial, "ro.product.model");
  phone.android = property(phone.serial, "ro.build.version.release");
  return phone;
}

std::string program_for(const Phone& phone, const std::string& wanted) {
  std::string program = wanted;
  if (program.empty()) {
    const fs::path self = fs::read_symlink("/proc/self/exe");
    const fs::path shared = self.parent_path().parent_path() / "share/oko/bench";
    program = (shared / ("oko-bench-" + phone.abi)).string();
    if (!fs::exists(program)) {
      throw input_error(
          program, "is missing",
          "build it by scripts/build_bench.sh " + phone.abi + " and name it by --program");
    }
  }
  if (machine_of(program) != abi_named(phone.abi)->machine) {
    throw input_error(program, "is not for the phone's processor, " + phone.abi,
                      "scripts/build_bench.sh " + phone.abi + " builds one that is");
  }
  return program;
}

Result measure_on(const Phone& phone, const std::string& program, const std::string& model_file,
                  const std::vector<std::string>& options, Progress& progress,
                  const std::function<bool()>& stop) {
  const PhoneFolder folder(phone.serial, stop);
  progress.begin("measuring on the phone", 3, "steps");
  folder.push(program, "oko-bench");
  progress.advance(1);
  folder.push(model_file, "model.oko");
  progress.advance(1);
  done(folder.shell({"chmod", "700", folder.file("oko-bench")}, kShort), "chmod on the phone");
  std::vector<std::string> words = {folder.file("oko-bench"), folder.file("model.oko")};
  words.insert(words.end(), options.begin(), options.end());
  const Answer answer = folder.shell(std::move(words), kLong);
  progress.advance(1);
  progress.end();
  // A failure that the program itself reports is a document, too.
  if (answer.code != 0 && !answer.output.starts_with('{')) {
    throw Error(ErrorCode::kFailed, "oko-bench",
                "ended with code " + std::to_string(answer.code) + " on the phone: " +
                    first_line(answer.errors.empty() ? answer.output : answer.errors));
  }
  return read_result(answer.output, "oko-bench");
}

}  // namespace oko::bench
