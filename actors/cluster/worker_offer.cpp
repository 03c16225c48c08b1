#include "actors/cluster/worker_offer.hpp"

#include "actors/cluster/mounted_libraries.hpp"
#include "protocol/model/encoders.hpp"

namespace troupe::cluster {

namespace {

/// In the units of `troupe config`; what is large enough without fractions.
std::string size_text(uint64_t bytes) {
  return bytes >= 10ull << 30 ? std::to_string(bytes >> 30) + " GiB" : std::to_string(bytes >> 20) + " MiB";
}

std::string full_disk(const disk_space& x, uint64_t min_free) {
  const auto what = x.use == "data" ? std::string{"data folder"} : x.use;
  return "the disk of its " + what + " has " + size_text(x.free) + " left of " + size_text(x.total)
         + " (health.min_free is " + size_text(min_free) + "); make room there, or jobs that write to it fail";
}

} // namespace

worker_offer::worker_offer(const worker_hello& configured) : configured_(configured) {
}

void worker_offer::change(offer_changed x) {
  found_ = std::move(x);
}

void worker_offer::change(const encoders_tested& x) {
  encoders_ = *x.encoders ? **x.encoders : std::vector<std::string>{};
  untested_ = *x.encoders ? std::string{} : x.encoders->error().message;
}

bool worker_offer::change(data_folder_found x) {
  if (x.problem == data_problem_)
    return false;
  data_problem_ = std::move(x.problem);
  return true;
}

bool worker_offer::change(const std::vector<disk_space>& disks, uint64_t min_free) {
  auto full = full_disks_;
  for (auto& x : disks)
    if (x.free < min_free)
      full[x.use] = full_disk(x, min_free);
    else
      full.erase(x.use);
  if (full == full_disks_)
    return false;
  full_disks_ = std::move(full);
  return true;
}

bool worker_offer::change(coordinator_files_found x) {
  if (files_problem_ == x.problem)
    return false;
  files_problem_ = std::move(x.problem);
  return true;
}

bool worker_offer::certificate(std::string due) {
  if (due == certificate_due_)
    return false;
  certificate_due_ = std::move(due);
  return true;
}

std::vector<std::string> worker_offer::capabilities() const {
  auto out = configured_.capabilities;
  out.insert(out.end(), found_.capabilities.begin(), found_.capabilities.end());
  for (auto& name : encoders_)
    out.push_back(encoder_capability(name));
  if (!data_problem_.empty())
    std::erase(out, data_capability);
  return out;
}

std::vector<std::string> worker_offer::problems() const {
  auto out = found_.problems;
  if (!untested_.empty())
    out.push_back("it can't encode: " + untested_);
  for (auto& [_, problem] : full_disks_)
    out.push_back(problem);
  if (!certificate_due_.empty())
    out.push_back(certificate_due_);
  if (!data_problem_.empty())
    out.insert(out.begin(), data_problem_);
  if (files_out_of_reach())
    out.insert(out.begin(), *files_problem_);
  return out;
}

std::vector<queue_slots> worker_offer::credit() const {
  auto out = configured_.credit;
  if (!takes_work())
    for (auto& slots : out)
      slots.slots = 0;
  return out;
}

} // namespace troupe::cluster
