#include "net/link_limit.hpp"

#include <algorithm>
#include <limits>

namespace troupe::net {

namespace {

constexpr uint64_t least_piece = 1024;
constexpr uint64_t most_piece = 64 * 1024;
constexpr uint64_t pieces_a_second = 32;
/// Nodes remembered beyond what they have reserved.
constexpr size_t many_nodes = 1024;

} // namespace

void link_limit::set(uint64_t bytes_per_second) {
  std::lock_guard guard{mutex_};
  rate_ = bytes_per_second;
  paid_until_.clear();
}

uint64_t link_limit::piece() const noexcept {
  auto rate = rate_.load();
  return rate == 0 ? std::numeric_limits<uint64_t>::max() : std::clamp(rate / pieces_a_second, least_piece, most_piece);
}

link_limit::clock::time_point link_limit::reserve(const std::string& node, uint64_t bytes, clock::time_point now) {
  std::lock_guard guard{mutex_};
  auto rate = rate_.load();
  if (rate == 0)
    return now;
  if (paid_until_.size() > many_nodes)
    std::erase_if(paid_until_, [&](auto& x) { return x.second <= now - burst; });
  auto& until = paid_until_.try_emplace(node, now - burst).first->second;
  until = std::max(until, now - burst);
  auto when = until;
  auto takes = std::chrono::duration<double>(static_cast<double>(bytes) / static_cast<double>(rate));
  until += std::chrono::duration_cast<clock::duration>(takes);
  return when;
}

} // namespace troupe::net
