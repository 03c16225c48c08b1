#include "actors/media/transfer_retries.hpp"

#include <algorithm>

namespace troupe::work {

transfer_retries::transfer_retries(settings how, std::function<uint64_t()> random) :
  how_(how), random_(std::move(random)), delay_(how.delay, random_) {
}

bool transfer_retries::silent_for_too_long(const error& why, mono_time now, bool coordinator_away) {
  // Who asks to come again later is there.
  if (coordinator_away || why.code == errc::rate_limited || why.retry_after > milliseconds{0}) {
    silent_since_.reset();
    return false;
  }
  if (!silent_since_)
    silent_since_ = now;
  return now - *silent_since_ >= how_.give_up;
}

std::optional<milliseconds> transfer_retries::after(const error& why, said_by whom, mono_time now,
                                                    bool coordinator_away) {
  if (is_of_link(why.code)) {
    faults_ = 0;
    return silent_for_too_long(why, now, coordinator_away) ? std::nullopt : std::optional{pause(why.retry_after)};
  }
  silent_since_.reset();
  // It has expired, or is of the coordinator's life before.
  const auto refused = why.code == errc::forbidden && whom == said_by::node;
  const auto again =
    refused ? ++refusals_ <= how_.most_refusals : why.code == errc::io && ++faults_ <= how_.most_faults;
  return again ? std::optional{pause(why.retry_after)} : std::nullopt;
}

void transfer_retries::arrived(uint64_t bytes) noexcept {
  if (bytes <= most_bytes_)
    return;
  most_bytes_ = bytes;
  refusals_ = faults_ = 0;
  silent_since_.reset();
  delay_.reset();
}

milliseconds transfer_retries::pause(milliseconds asked) {
  const auto own = delay_.next();
  asked = std::min(asked, how_.longest_wait);
  if (asked <= own)
    return own;
  // Many are told the same, and must not come back at one time.
  const auto spread = static_cast<uint64_t>(static_cast<double>(asked.count()) * how_.delay.jitter);
  return asked + milliseconds{spread == 0 ? 0 : random_() % (spread + 1)};
}

} // namespace troupe::work
