#pragma once

#include "actors/media/transfer_verdict.hpp"
#include "protocol/model/growing_delay.hpp"
#include "protocol/model/time.hpp"

#include <optional>

namespace troupe::work {

/// Whether and when a transfer that has failed is tried again: decisions only, for one file.
///
/// What is wrong with the link passes, mostly. While the coordinator can't be asked that is waited for however long it
/// takes: whoever works under a lease is told when it is lost, and nobody else could do better. While it can, and only
/// the node of the file is silent, another worker may reach that: it is given up after a while. An address that its
/// node refuses is replaced a few times. A node that answers, and whose disk or digest fails, has a few tries without
/// a further byte. All else does not get better. Not thread safe.
class transfer_retries {
public:
  struct settings {
    growing_delay::settings delay{milliseconds{200}, milliseconds{5'000}, 2, 0.25};
    /// Addresses that a node may refuse with nothing new arriving in between.
    int most_refusals = 3;
    /// Failures of what is no matter of the link, in a row and with nothing new arriving in between.
    int most_faults = 12;
    /// Of what the other side asks for (error::retry_after).
    milliseconds longest_wait{600'000};
    /// No byte and no answer of the node for so long: longer than a node takes to start again and a cable to be plugged
    /// in, since with the attempt goes what it has made.
    milliseconds give_up{600'000};
  };

  /// `random` yields 64 random bits a call.
  transfer_retries(settings how, std::function<uint64_t()> random);

  /// For how long to wait before the next try; nullopt: it can't get better, or not here. Never less than `why` asks
  /// for. `coordinator_away`: it could not be asked just now.
  std::optional<milliseconds> after(const error& why, said_by whom, mono_time now, bool coordinator_away = false);
  /// So many bytes are there now. More than ever before: the next failure is the first again.
  void arrived(uint64_t bytes) noexcept;

private:
  milliseconds pause(milliseconds asked);
  bool silent_for_too_long(const error& why, mono_time now, bool coordinator_away);

  settings how_;
  std::function<uint64_t()> random_;
  growing_delay delay_;
  uint64_t most_bytes_ = 0;
  int refusals_ = 0;
  int faults_ = 0;
  /// Since its first failure without a word of the node.
  std::optional<mono_time> silent_since_;
};

} // namespace troupe::work
