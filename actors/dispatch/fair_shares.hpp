#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

namespace troupe::dispatch {

/// What one owner has had of the cluster.
struct account {
  std::string owner;
  double weight = 1;
  /// Virtual time: milliseconds of a core that its jobs had, by weight. Only rises.
  double tag = 0;
  /// Charged too much so far: the next charges are less.
  double credit = 0;
  /// Jobs in memory, and those of them that are queued.
  uint64_t users = 0;
  uint64_t queued = 0;
};

/// Fair shares between owners by virtual time (start-time fair queueing): a job that starts moves its owner's tag on by
/// what it is expected to cost, divided by the owner's weight, and the owner with the smallest tag comes first. What a
/// job really took is settled when it ends.
///
/// The cluster's own time, `now`, is the mean tag of the owners that have queued jobs, by weight. One that comes new or
/// back begins at `now`, so that nobody saves up a share while away. No tag is further than `window` (`spread` times
/// the largest charge so far) from `now`: one whose jobs nobody could run does not hold up all others afterwards, and
/// one that was alone is not made to wait for what it took then. So the owner of a queued job waits at most until 2 ×
/// window of service by weight has gone to each other owner that was there before it: however many jobs another owner
/// has, they come in turns.
class fair_shares {
public:
  static constexpr double spread = 8;

  /// An owner that is not named has weight 1. For accounts that are made from now on.
  void set_weights(std::map<std::string, uint32_t, std::less<>> weights);

  /// One job more in memory; the account is stable until its last job is released.
  account& acquire(const std::string& owner);
  void release(account& a);

  /// A job of it is queued, or no longer.
  void queued(account& a);
  void unqueued(account& a);

  /// Where it stands now.
  double tag(account& a) const noexcept {
    auto least = now_ - window();
    if (a.tag < least)
      a.tag = least;
    return a.tag;
  }
  double now() const noexcept {
    return now_;
  }
  double window() const noexcept {
    return spread * largest_;
  }
  size_t size() const noexcept {
    return accounts_.size();
  }

  /// A job starts that is expected to cost so much.
  void charge(account& a, double cost) noexcept;
  /// It has ended.
  void settle(account& a, double charged, double actual) noexcept;

private:
  void advance(account& a, double cost) noexcept;
  void sweep();

  std::unordered_map<std::string, account> accounts_;
  std::map<std::string, uint32_t, std::less<>> weights_;
  account* last_ = nullptr;
  double now_ = 0;
  double largest_ = 1;
  /// Of the accounts with queued jobs.
  double weight_ = 0;
  size_t sweep_at_ = 1024;
};

} // namespace troupe::dispatch
