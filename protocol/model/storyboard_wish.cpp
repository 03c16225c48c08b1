#include "protocol/model/storyboard_wish.hpp"

#include "protocol/model/json_writer.hpp"

namespace troupe {

bool is_met(const storyboard_wish& x, const storyboard& there) noexcept {
  auto has = [](bool it, const std::optional<bool>& asked) { return it || !asked.value_or(false); };
  return !x.again && there.exists() && has(there.bif, x.bif) && has(there.jellyfin, x.jellyfin)
         && x.width.value_or(there.asked_width) == there.asked_width
         && (!x.interval || std::chrono::seconds{*x.interval} == there.asked_interval);
}

std::string payload_of(const storyboard_wish& x, const video_detail& of) {
  object_writer out;
  out.id("videoId", of.item.id).text("version", of.item.version.str());
  if (x.width)
    out.number("width", *x.width);
  if (x.interval)
    out.number("interval", *x.interval);
  if (x.bif)
    out.boolean("bif", *x.bif);
  if (x.jellyfin)
    out.boolean("jellyfin", *x.jellyfin);
  if (auto& there = of.board; there.exists()) {
    object_writer otherwise;
    otherwise.number("width", there.asked_width)
      .number("interval", static_cast<double>(there.asked_interval.count()) / 1000);
    otherwise.boolean("bif", there.bif).boolean("jellyfin", there.jellyfin);
    out.raw("otherwise", std::move(otherwise).str());
  }
  return std::move(out).str();
}

} // namespace troupe
