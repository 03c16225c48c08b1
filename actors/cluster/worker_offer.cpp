#include "actors/cluster/worker_offer.hpp"

#include "actors/cluster/mounted_libraries.hpp"
#include "protocol/model/encoders.hpp"

namespace troupe::cluster {

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
  if (!data_problem_.empty())
    out.insert(out.begin(), data_problem_);
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
