#include "protocol/model/job.hpp"

#include <array>
#include <charconv>

namespace troupe {

namespace {

constexpr std::array<std::string_view, 7> state_names{"waiting",   "delayed", "queued",   "running",
                                                      "completed", "failed",  "cancelled"};
constexpr std::array<std::string_view, 6> end_names{"completed", "failed",    "lost",
                                                    "released",  "cancelled", "delegated"};

template <class Int>
bool parse_int(std::string_view text, Int& out) {
  auto [ptr, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  return ec == std::errc{} && ptr == text.data() + text.size();
}

} // namespace

std::string_view to_string(job_state s) noexcept {
  auto i = static_cast<size_t>(s);
  return i < state_names.size() ? state_names[i] : state_names.back();
}

std::optional<job_state> job_state_from(std::string_view name) noexcept {
  for (size_t i = 0; i < state_names.size(); ++i)
    if (state_names[i] == name)
      return static_cast<job_state>(i);
  return std::nullopt;
}

job_state shown_state(const job& x) noexcept {
  return x.state == job_state::waiting && x.delegated() ? job_state::running : x.state;
}

std::string_view to_string(attempt_end e) noexcept {
  auto i = static_cast<size_t>(e);
  return i < end_names.size() ? end_names[i] : end_names.back();
}

std::string lease_token::str() const {
  return job.str() + "-" + std::to_string(attempt) + "-" + std::to_string(term);
}

std::optional<lease_token> lease_token::parse(std::string_view text) {
  auto first = text.find('-');
  auto second = first == std::string_view::npos ? first : text.find('-', first + 1);
  if (second == std::string_view::npos)
    return std::nullopt;
  lease_token x;
  auto id = job_id::parse(text.substr(0, first));
  if (!id || !parse_int(text.substr(first + 1, second - first - 1), x.attempt)
      || !parse_int(text.substr(second + 1), x.term))
    return std::nullopt;
  x.job = *id;
  return x;
}

} // namespace troupe
