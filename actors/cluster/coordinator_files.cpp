#include "actors/cluster/coordinator_files.hpp"

#include <algorithm>
#include <utility>

namespace troupe::cluster {

void coordinator_files::granted(const mesh::file_grant& x, bool of_data) {
  if (!of_data)
    return;
  std::lock_guard guard{mutex_};
  node_ = x.node;
}

bool coordinator_files::is_at(const mesh::file_grant& x) const {
  if (x.host.empty())
    return true;
  std::lock_guard guard{mutex_};
  return !node_.empty() && x.node == node_;
}

void coordinator_files::set_problem(std::string problem) {
  std::lock_guard guard{mutex_};
  problem_ = std::move(problem);
}

std::string coordinator_files::problem() const {
  std::lock_guard guard{mutex_};
  return problem_;
}

files_look judge_look(const error& answer) {
  // Who asks to come again later is there.
  const bool answered = answer.retry_after > milliseconds{0};
  switch (answer.code) {
  case errc::unavailable:
  case errc::timeout:
  case errc::io:
  case errc::forbidden:
  case errc::protocol:
    if (answered)
      return {};
    return {files_look::end::failed, answer.message};
  case errc::cancelled:
    return {files_look::end::not_asked};
  default:
    return {};
  }
}

files_reach::files_reach(settings how, std::string node) : how_(how), node_(std::move(node)) {
}

std::optional<std::string> files_reach::take(const files_look& x) {
  const auto before = std::exchange(last_, x.how);
  if (x.how == files_look::end::not_asked)
    return std::nullopt;
  std::string now;
  if (x.how == files_look::end::failed) {
    const bool was_good = told_ && told_->empty();
    if (was_good && before != files_look::end::failed)
      return std::nullopt;
    now = "node " + node_ + " can't reach the coordinator's files: " + x.why
          + "; open this port to it in every firewall between (files.port: unless it is set on the coordinator, it is "
            "another one at each start), or name the address with files.address or files.host there; 'troupe cert "
            "check HOST:PORT' on "
          + node_ + " says more";
  }
  if (told_ == now)
    return std::nullopt;
  return told_ = std::move(now);
}

milliseconds files_reach::pause() const noexcept {
  return last_ == files_look::end::reached ? how_.every : std::min(how_.retry, how_.every);
}

} // namespace troupe::cluster
