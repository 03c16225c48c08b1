#pragma once

#include "actors/cluster/worker.hpp"

#include <map>
#include <optional>

namespace troupe::cluster {

/// What a worker offers: what is configured, what was found out since, and what is wrong with it at present.
/// Actor-free; not thread safe.
class worker_offer {
public:
  /// `configured` outlives it.
  explicit worker_offer(const worker_hello& configured);

  void change(offer_changed x);
  void change(const encoders_tested& x);
  /// False: nothing has changed.
  bool change(data_folder_found x);
  /// Of its node; one with less than `min_free` bytes left is a problem, until a figure says otherwise. False: nothing
  /// has changed.
  bool change(const std::vector<disk_space>& disks, uint64_t min_free);
  bool change(coordinator_files_found x);
  /// What is to be done about its certificate; empty: nothing. False: nothing has changed.
  bool certificate(std::string due);
  /// Nothing is taken until the coordinator's files are known to be in reach, and while they are not.
  void wait_for_files() noexcept {
    by_files_ = true;
  }
  /// It ends with what it has.
  void drain() noexcept {
    draining_ = true;
  }

  bool draining() const noexcept {
    return draining_;
  }
  bool takes_work() const noexcept {
    return !draining_ && data_problem_.empty() && (!by_files_ || files_problem_ == "");
  }
  bool files_out_of_reach() const noexcept {
    return files_problem_ && !files_problem_->empty();
  }
  /// The configured ones and those that were found since.
  std::vector<std::string> capabilities() const;
  /// Sentences for people.
  std::vector<std::string> problems() const;
  /// What it takes at once as it is now.
  std::vector<queue_slots> credit() const;

private:
  const worker_hello& configured_;
  offer_changed found_;
  /// Tested ones; and why they could not be.
  std::vector<std::string> encoders_;
  std::string untested_;
  /// Of the data folder; empty: it is there.
  std::string data_problem_;
  /// By use, what is wrong with it.
  std::map<std::string, std::string> full_disks_;
  std::string certificate_due_;
  /// Of the way to the coordinator's files; nothing: not known yet.
  std::optional<std::string> files_problem_;
  bool by_files_ = false;
  bool draining_ = false;
};

} // namespace troupe::cluster
