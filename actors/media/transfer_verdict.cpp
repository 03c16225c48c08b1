#include "actors/media/transfer_verdict.hpp"

namespace troupe::work {

namespace {

constexpr int most_refusals = 3;

} // namespace

bool is_refusal(errc code) noexcept {
  return code == errc::forbidden || code == errc::conflict || code == errc::not_found;
}

bool is_of_link(errc code) noexcept {
  return code == errc::unavailable || code == errc::timeout || code == errc::rate_limited || code == errc::worker_lost;
}

error not_kept(const std::string& name) {
  return {errc::io, name
                      + ": the disk of this worker did not keep what was fetched of it; see what the system's log says "
                        "of that disk"};
}

transfer_verdict judge_transfer(const remote_file& file, const error& why, int refusals, said_by whom) {
  auto about = [&](errc code, std::string sentence) { return error{code, file.name + ": " + std::move(sentence)}; };
  const auto final = why.code != errc::forbidden && whom == said_by::coordinator;
  if (is_refusal(why.code) && refusals <= most_refusals && !final)
    return {remedy::other_address, {}};
  if (is_of_link(why.code))
    return {remedy::later, {}};
  switch (why.code) {
  case errc::io:
    return {remedy::later, {}};
  case errc::forbidden:
    return {remedy::give_up,
            about(errc::forbidden, "node " + file.node + " refuses every permission for it (" + why.message
                                     + "); compare the clocks of both nodes and the coordinator")};
  case errc::conflict:
    return {remedy::give_up, about(errc::io, "the file was changed on node " + file.node
                                               + " while it was read; leave it alone until the job has ended")};
  case errc::not_found:
    return {remedy::give_up,
            about(errc::not_found, "the file was removed or renamed on node " + file.node
                                     + " while it was read; put it back or scan its library, and start the job again")};
  case errc::storage_full:
    return {remedy::refuse, about(errc::storage_full, "there is no room for more of it (" + why.message
                                                        + "); free some space on this worker, or allow it more for "
                                                          "files of other nodes")};
  default:
    return {remedy::give_up, about(why.code, why.message)};
  }
}

} // namespace troupe::work
