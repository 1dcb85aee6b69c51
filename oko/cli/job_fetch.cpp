#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <utility>
#include <vector>

#include "oko/base/hash.h"
#include "oko/cli/job.h"
#include "oko/jobs/shell.h"
#include "oko/storage/store.h"
#include "oko/storage/temporary.h"

namespace oko::cli {
namespace {

namespace fs = std::filesystem;
using jobs::Job;

struct FetchArguments {
  std::string job, out;
  bool all = false;
};

// What has been fetched into a folder: fetched.json there. A file whose hash is another one since
// was changed on this machine.
struct Record {
  std::string job;
  std::map<std::string, std::string> hashes;  // of the files, by their names
};
constexpr const char* kRecordFile = "fetched.json";

std::string hash_of(const std::string& file) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  std::ifstream in(file, std::ios::binary);
  Hash hash;
  std::vector<char> piece(kPiece);
  while (in) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    hash.add(std::as_bytes(std::span(piece).first(static_cast<std::size_t>(in.gcount()))));
  }
  if (in.bad() || !in.eof()) throw Error(ErrorCode::kStorage, file, "cannot be read");
  return fmt::format("{:016x}", hash.value());
}

Record record_in(const std::string& out, const Job& job) {
  const std::string name = storage::join(out, kRecordFile);
  Record record{job.spec.id, {}};
  if (!storage::exists(name)) {
    if (!storage::exists(storage::join(out, "run.toml"))) return record;
    throw Error(ErrorCode::kUsage, out, "already contains a run", "choose another -o");
  }
  const Json json = parse_json(storage::read_text(name), name);
  record.job = json_get<std::string>(json, "job", name);
  if (record.job != job.spec.id) {
    throw Error(ErrorCode::kUsage, out, "has the files of another job, " + record.job,
                "choose another -o");
  }
  // A file without a hash counts as changed here, and is kept.
  const Json files = json.value("files", Json::object());
  for (const auto& [file, hash] : files.items()) {
    if (hash.is_string()) record.hashes[file] = hash.get<std::string>();
  }
  return record;
}

void write_record(const std::string& out, const Record& record) {
  storage::write(storage::join(out, kRecordFile),
                 jobs::json_file({{"job", record.job}, {"files", record.hashes}}));
}

// ---- Download ----------------------------------------------------------------------------------

// The run folder as it is reached from here.
class RunFolder {
 public:
  explicit RunFolder(const Job& job)
      : inside_(job.spec.run == storage::join(job.spec.folder, "run")),
        elsewhere_(inside_ ? nullptr : jobs::open_folder(job.spec.run)),
        folder_(inside_ ? *job.folder : *elsewhere_) {}

  bool has(const std::string& name) { return folder_.size(of(name)) > 0; }
  // Nothing if there is no such file. A small one shows no progress.
  void fetch(const std::string& name, const std::string& to, Progress& progress) {
    constexpr std::uint64_t kSmall = std::uint64_t{4} << 20;
    NoProgress none;
    const std::uint64_t size = folder_.size(of(name));
    if (size == 0) return;
    folder_.fetch(of(name), storage::join(to, name),
                  size < kSmall ? static_cast<Progress&>(none) : progress);
  }
  void fetch_all(const std::string& to, Progress& progress) {
    folder_.fetch(inside_ ? "run" : "", to, progress);
  }

 private:
  std::string of(const std::string& name) const { return inside_ ? "run/" + name : name; }

  bool inside_;
  std::unique_ptr<jobs::Folder> elsewhere_;
  jobs::Folder& folder_;
};

void download(const Job& job, bool all, const std::string& to, Progress& progress) {
  RunFolder run(job);
  if (all) {
    if (run.has("run.toml")) run.fetch_all(to, progress);
    return;
  }
  for (const char* const name :
       {"model.oko", "stage.oko", "report.html", "log.jsonl", "run.toml"}) {
    run.fetch(name, to, progress);
  }
}

// A training that goes on removes old checkpoints, also while they are copied.
void download_steadily(const Job& job, bool all, const std::string& to, Progress& progress) {
  constexpr int kTries = 3;
  for (int i = 1;; ++i) {
    try {
      return download(job, all, to, progress);
    } catch (const Error& error) {
      if (!all || i == kTries || error.code() != ErrorCode::kInput) throw;
    }
  }
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) {
      names.push_back(entry.path().lexically_relative(folder).generic_string());
    }
  }
  std::ranges::sort(names);
  return names;
}

// ---- Into the folder ---------------------------------------------------------------------------

// Puts a file that was downloaded in its place, unless the one there was changed on this machine.
// Returns what it did.
const char* place_file(const std::string& name, const std::string& from, const std::string& to,
                       Record& record) {
  const std::string hash = hash_of(from);
  const char* done = "new";
  if (fs::exists(to)) {
    const std::string there = hash_of(to);
    if (there == hash) {
      record.hashes[name] = hash;
      return "unchanged";
    }
    const auto known = record.hashes.find(name);
    if (known == record.hashes.end() || known->second != there) return "kept";
    done = "updated";
  }
  fs::create_directories(fs::path(to).parent_path());
  fs::rename(from, to);
  record.hashes[name] = hash;
  return done;
}

Json place_files(const std::string& from, const std::string& out, Record& record,
                 const Context& context) {
  Json files = Json::array();
  for (const std::string& name : names_in(from)) {
    const std::string to = storage::join(out, name);
    const std::string done = place_file(name, storage::join(from, name), to, record);
    context.say(
        fmt::format("{:<10}{}{}", done, to,
                    done == "kept" ? ": it was changed here; rename it to get the job's" : ""));
    files.push_back({{"file", to}, {"done", done}});
  }
  return files;
}

void fetch(const FetchArguments& arguments, Context& context) {
  const Job job = jobs::open_job(arguments.job);
  std::string out = arguments.out.empty() ? job.spec.id : arguments.out;
  while (out.size() > 1 && out.ends_with('/')) out.pop_back();
  if (!storage::is_local(out)) {
    throw Error(ErrorCode::kUsage, "--out", "\"" + out + "\" is not a folder of this machine",
                "oko store cp -r copies a folder to a bucket");
  }
  Record record = record_in(out, job);
  const bool is_new = !storage::exists(out);
  fs::create_directories(out);
  Json files;
  try {
    const storage::TemporaryFolder scratch(storage::join(out, ".fetch-"));
    download_steadily(job, arguments.all, scratch.path(), *context.progress);
    files = place_files(scratch.path(), out, record, context);
  } catch (...) {
    if (std::error_code error; is_new) fs::remove(out, error);  // if it is empty
    throw;
  }
  if (files.empty()) {
    if (std::error_code error; is_new) fs::remove(out, error);
    throw input_error(job.spec.run, "has nothing to fetch yet", "oko job show " + job.spec.id);
  }
  write_record(out, record);
  const jobs::Seen seen = jobs::see(job);
  if (!seen.status.over()) {
    const std::string epochs = epochs_of(seen.status);
    context.say(fmt::format("{} is {}{}: fetch again for what it writes later", job.spec.id,
                            word_of(seen.status.standing),
                            epochs.empty() ? "" : " (epoch " + epochs + ")"));
  }
  if (record.hashes.contains("model.oko")) {
    say_field(context, "next",
              "oko detect " + jobs::shell_word(storage::join(out, "model.oko")) +
                  " PHOTO.jpg -o found.jpg");
  }
  context.emit({{"id", job.spec.id}, {"state", word_of(seen.status.standing)}, {"files", files}});
}

}  // namespace

void add_job_fetch_command(CLI::App& job, Context& context) {
  CLI::App* command = job.add_subcommand("fetch", "Copy a job's models and report to this machine");
  const auto arguments = std::make_shared<FetchArguments>();
  add_job_argument(*command, arguments->job);
  command->add_option("-o,--out", arguments->out, "Folder to copy to (default: the job's name)")
      ->type_name("FOLDER");
  command->add_flag("--all", arguments->all, "Copy the whole run folder, with its checkpoints");
  command->footer(R"(
Works also while the job is running. Run again, it replaces the files that the job has changed; a file
that was changed on this machine is kept.

Examples:
  oko job fetch raccoon -o runs/raccoon)");
  command->callback([arguments, &context] { fetch(*arguments, context); });
}

}  // namespace oko::cli
