#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/json.h"

namespace oko::jobs {

// What a job asks of the machines that run it. Back ends translate it, and refuse by
// refuse_what_has_no_effect() what they cannot honour.
struct Resources {
  int workers = 1;       // processes that train together, on a machine or node each where possible
  int gpus = 0;          // per worker
  std::string gpu_type;  // "T4", "L4", "A100 80GB": a name of cost::gpus(); empty: any
  std::string machine;   // a machine type of the engine: "n1-standard-8"
  std::string region;    // "us-central1"
  bool spot = false;     // cheaper, and may be preempted at any time
  double max_hours = 0;  // of running, over all attempts; 0: no limit
  double max_cost = 0;   // USD, over all attempts; 0: no limit
};

// A file or folder of this machine that the command needs, and that is copied into the job's folder
// because the workers cannot see this machine's disk.
struct Input {
  std::string from;  // its path here
  std::string name;  // its name in the job's folder: "inputs/0-photos"
  // The word of Spec::command that becomes the copy's path on the workers; nothing: a file that
  // another one finds beside itself.
  std::optional<std::size_t> word = {};
  bool is_dataset = false;
};

// A job as it was submitted: job.json in its folder, which never changes.
struct Spec {
  std::string id;       // checked_id()
  std::string backend;  // "local", "ssh", …
  // Path or URI of the job's folder, as the workers reach it.
  std::string folder;
  // What every worker runs: `oko` with these words, followed by --out RUN. "train" first.
  std::vector<std::string> command;
  // The run folder, as the workers reach it: in the job's folder unless the command had --out.
  std::string run;
  // Where the command's relative paths begin; empty: the back end's own choice. Only if the workers
  // see this machine's disk.
  std::string directory;
  Resources resources;
  // Options of the back end, by the names of its Setting table: "hosts", "partition", "image".
  std::map<std::string, std::string> settings;
  std::vector<Input> inputs;
  double price = 0;          // USD an hour of all workers together; 0: unknown
  std::string price_source;  // "g2-standard-8 in us-central1, gcp, read 2026-11-23"; may be empty
  std::int64_t created = 0;  // seconds since 1970
  std::string version;       // of the oko that submitted it

  // The setting's value, or `fallback` if it was not given.
  std::string setting(std::string_view name, std::string fallback = {}) const;
};

// The JSON of job.json. from_json() throws input Errors at `name` for anything that to_json()
// could not have written: wrong types, out-of-range numbers, ids and names that are not safe.
Json to_json(const Spec& spec);
Spec spec_from_json(const Json& json, const std::string& name);

// A name that is valid for every engine, as a file and as a DNS label: 1 to 40 of a-z, 0-9 and '-',
// a letter first and no '-' last. Throws a usage Error otherwise.
const std::string& checked_id(const std::string& id);
// A new one: "raccoon-1129-2015-3fa8", of the dataset's name, the time and a random part.
std::string new_id(std::string_view name, std::int64_t now);

// Throws a usage Error naming the flag if one of `unused` is set: "--spot", "--machine",
// "--region",
// "--gpu-type", "--gpus", "--workers".
void refuse_what_has_no_effect(const Spec& spec, const std::vector<std::string_view>& unused);

// The words that start worker code on a machine, after the path of the oko program:
// "job", "run", FOLDER.
std::vector<std::string> worker_words(const Spec& spec);

}  // namespace oko::jobs
