#include "oko/jobs/slurm/reasons.h"

#include <fmt/format.h>

#include <array>

namespace oko::jobs::slurm {
namespace {

using Phase = Observation::Phase;

struct Sentence {
  std::string_view begins;  // of Slurm's reason, or contained in sbatch's refusal
  std::string_view says;
  std::string_view hint;
};

// Slurm's reasons for jobs that wait (squeue(1), JOB REASON CODES). The first row whose text begins
// the reason counts, so longer ones stand first.
constexpr std::array kWaiting = {
    Sentence{"PartitionTimeLimit", "it asks for more time than its partition allows",
             "cancel it and submit with a shorter --max-time or another --partition"},
    Sentence{"PartitionNodeLimit", "it asks for more nodes than its partition allows",
             "cancel it and submit with fewer --workers or another --partition"},
    Sentence{"PartitionDown", "its partition is down", "sinfo shows the others"},
    Sentence{"PartitionInactive", "its partition starts no jobs now", "sinfo shows the others"},
    Sentence{"PartitionConfig", "its partition has no such nodes, or does not allow such a job",
             "cancel it and submit with less --cpu, less --memory or another --partition"},
    Sentence{"Priority", "jobs of higher priority are waiting before it", ""},
    Sentence{"Resources", "waits until enough nodes and GPUs are free", ""},
    Sentence{"BeginTime",
             "was put back in the queue a moment ago; Slurm waits about two minutes "
             "before it starts a job again",
             ""},
    Sentence{"ReqNodeNotAvail", "nodes that it needs are down, drained or reserved",
             "sinfo --list-reasons shows why"},
    Sentence{"BadConstraints", "no node of its partition has what it asks for",
             "cancel it and submit with another --gpu-type, --gpus, --constraint or --partition"},
    Sentence{"JobHeldUser", "is held", "scontrol release lets it start"},
    Sentence{"JobHeldAdmin", "is held by an administrator of the cluster", "ask them"},
    Sentence{"job_requeued_in_held_state", "is held after it was put back in the queue",
             "scontrol release lets it start"},
    Sentence{"launch_failed_requeued_held", "could not be started on its nodes, and is held",
             "scontrol release lets it try again; tell an administrator of the cluster"},
    Sentence{"JobLaunchFailure", "its nodes could not start it, or lost it", ""},
    Sentence{"InvalidAccount", "its account is not valid", "submit with another --account"},
    Sentence{"InvalidQOS", "its QOS is not valid", "submit with another --qos"},
    Sentence{"AccountNotAllowed", "its account may not use this partition",
             "submit with another --account or --partition"},
    Sentence{"QOSNotAllowed", "its QOS may not use this partition",
             "submit with another --qos or --partition"},
    Sentence{"QOSMaxWallDurationPerJobLimit", "it asks for more time than its QOS allows",
             "cancel it and submit with a shorter --max-time or another --qos"},
    Sentence{"QOSMaxGRESPerUser", "your jobs have all the GPUs that the QOS allows a user",
             "it starts when another job of yours ends; or use fewer --gpus or another --qos"},
    Sentence{"QOSMaxGRESPerJob", "it asks for more GPUs than its QOS allows a job",
             "cancel it and submit with fewer --gpus or --workers, or another --qos"},
    Sentence{"QOSMin", "it asks for less than its QOS requires", "submit with another --qos"},
    Sentence{"QOS", "a limit of its QOS is reached",
             "it starts when other jobs end, unless it asks for more than the limit: sacctmgr show "
             "qos"},
    Sentence{"AssocGrpGRES", "your account's jobs have all the GPUs that it may use",
             "it starts when another of them ends; or use another --account"},
    Sentence{"AssocGrpBilling", "your account's budget is used up", "use another --account"},
    Sentence{"AssocGrpCPUMinutes", "your account's budget of CPU minutes is used up",
             "use another --account"},
    Sentence{"AssocMax", "it asks for more than your account allows",
             "ask for less, or use another --account: sacctmgr show associations"},
    Sentence{"Assoc", "a limit of your account is reached",
             "it starts when other jobs end; or use another --account"},
    Sentence{"MaxMemPerLimit", "it asks for more memory than allowed", "use less --memory"},
    Sentence{"MaxGRESPerAccount", "your account's jobs have all the GPUs that it may use", ""},
    Sentence{"Reservation", "waits for its reservation", ""},
    Sentence{"Licenses", "waits for a licence", ""},
    Sentence{"Dependency", "waits for another job", ""},
    Sentence{"NodeDown", "a node that it needs is down", ""},
    Sentence{"Cleaning", "its last start is still being cleaned up", ""},
};

constexpr std::array kRefusals = {
    Sentence{"nvalid account", "", "choose an --account: sacctmgr show associations user=$USER"},
    Sentence{"nvalid partition", "", "sinfo shows the partitions"},
    Sentence{"nvalid qos", "", "choose a --qos: sacctmgr show associations user=$USER format=qos"},
    Sentence{"nvalid feature", "", "sinfo --format='%N %f' shows what --constraint may contain"},
    Sentence{"nvalid generic resource", "", "sinfo --format='%N %G' shows the GPUs"},
    Sentence{"node configuration is not available", "",
             "no node has this many CPUs, GPUs or this much memory: sinfo --format='%N %c %m %G'"},
    Sentence{"Node count specification invalid", "", "use fewer --workers or another --partition"},
    Sentence{"equested time limit is invalid", "", "use a shorter --max-time"},
    Sentence{
        "violates accounting/QOS policy", "",
        "the account's or QOS's limits do not allow it: ask for less, or use another --account "
        "or --qos"},
    Sentence{"ontact", "", "Slurm's controller does not answer; try again later"},
};

const Sentence* sentence_for(std::string_view reason) {
  for (const Sentence& row : kWaiting) {
    if (reason.starts_with(row.begins)) return &row;
  }
  return nullptr;
}

Observation waiting(const JobAnswer& job) {
  Observation seen{Phase::kQueued, {}, {}, job.restarts};
  if (const Sentence* const known = sentence_for(job.reason)) {
    seen.reason = known->says;
    seen.hint = known->hint;
  } else if (!job.reason.empty()) {
    seen.reason = "waits";
  }
  if (!job.reason.empty()) seen.reason += " (" + job.reason + ")";
  if (!job.start.empty()) seen.reason += "; Slurm expects to start it at " + job.start;
  return seen;
}

// Slurm reports this signal if a node could not open the file of the job's output.
constexpr int kNoOutput = 53;

Observation ended(const JobAnswer& job) {
  Observation seen{Phase::kEnded, {}, {}, job.restarts};
  const std::string_view state = job.state;
  if (state == "COMPLETED") return seen;
  if (job.signal == kNoOutput) {
    seen.reason = "its node could not write the job's output";
    seen.hint = "the job's folder must be on a disk that all nodes see: choose another --job-dir";
  } else if (state == "TIMEOUT") {
    seen.reason = "it reached its time limit before it had written its checkpoint";
  } else if (state == "NODE_FAIL" || state == "BOOT_FAIL") {
    seen.reason = "one of its nodes failed";
  } else if (state == "OUT_OF_MEMORY") {
    seen.reason = "it used more memory than it had asked for";
    seen.hint = "submit with more --memory, or train with a smaller --batch";
  } else if (state == "PREEMPTED") {
    seen.reason = "it was preempted, and the cluster did not put it back in the queue";
  } else if (state == "CANCELLED") {
    seen.reason = "it was cancelled with Slurm's own commands";
  } else if (state == "DEADLINE") {
    seen.reason = "it could not have ended before its deadline";
  } else if (const Sentence* const known = sentence_for(job.reason)) {  // it was never started
    seen.reason = known->says;
    seen.hint = known->hint;
  } else if (job.signal != 0) {
    seen.reason = fmt::format("it was ended by signal {}", job.signal);
  } else {
    seen.reason = fmt::format("it ended with code {}", job.code);
  }
  return seen;
}

}  // namespace

Observation observation_of(const JobAnswer& job) {
  const std::string_view state = job.state;
  for (const std::string_view one :
       {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"}) {
    if (state == one) return waiting(job);
  }
  for (const std::string_view one :
       {"RUNNING", "CONFIGURING", "COMPLETING", "SIGNALING", "STAGE_OUT", "RESIZING", "STOPPED"}) {
    if (state == one) return {Phase::kRunning, {}, {}, job.restarts};
  }
  if (state == "SUSPENDED") {
    return {Phase::kRunning, "Slurm has suspended it", "", job.restarts};
  }
  return ended(job);
}

std::string hint_for_refusal(std::string_view complaint) {
  for (const Sentence& row : kRefusals) {
    if (complaint.find(row.begins) != std::string_view::npos) return std::string(row.hint);
  }
  return {};
}

}  // namespace oko::jobs::slurm
