#include "actors/media/storyboard.hpp"

#include "actors/media/output_folder.hpp"
#include "actors/media/payloads.hpp"

namespace troupe::work {

namespace {

// Parts of the whole.
constexpr double pictures_from = 0.05;
constexpr double publish_from = 0.95;

exec::request request_for(const storyboard_payload& asked, const source& src, const media_info& media) {
  exec::request out;
  out.op = exec::op::storyboard;
  out.name_hint = src.hint;
  out.source = media;
  out.storyboard.width = asked.width;
  out.storyboard.columns = asked.columns;
  out.storyboard.rows = asked.rows;
  out.storyboard.interval_ms = asked.interval.count();
  out.storyboard.bif = asked.bif;
  out.storyboard.jellyfin = asked.jellyfin;
  // The gateway writes it, with its own addresses of the sheets.
  out.storyboard.vtt = false;
  return out;
}

/// The files of the answer, which must be called as the catalogue calls them.
result<std::vector<said_file>> files_of(const exec::storyboard_answer& x, const storyboard& row) {
  std::vector<said_file> out;
  bool good = x.sheets.size() == row.sheets() && (x.bif.empty() || x.bif == storyboard::bif_name) && x.vtt.empty();
  for (size_t i = 0; good && i < x.sheets.size(); ++i) {
    good = x.sheets[i].name == row.sheet_name(static_cast<uint32_t>(i));
    out.push_back({x.sheets[i].name, x.sheets[i].bytes});
  }
  if (!good || row.count == 0 || row.tile_width == 0 || row.tile_height == 0 || row.interval.count() <= 0)
    return {errc::protocol, "the executor made other sheets than it was asked for"};
  if (row.bif)
    out.push_back({x.bif, std::nullopt});
  return out;
}

storyboard describe(const lease_token& token, const storyboard_payload& asked, const source& src,
                    const exec::storyboard_answer& made) {
  storyboard out;
  out.video = asked.video;
  out.version = src.known_as;
  auto job = token.job.str();
  // Ids begin with the time: their end spreads over the folders.
  out.folder = "artwork/" + job.substr(job.size() - 2) + "/" + output_name(token) + "-storyboard";
  out.tile_width = made.tile_width;
  out.tile_height = made.tile_height;
  out.columns = made.columns;
  out.rows = made.rows;
  out.count = made.count;
  out.interval = milliseconds{made.interval_ms};
  out.asked_width = asked.width;
  out.asked_interval = asked.interval;
  out.bif = !made.bif.empty();
  out.jellyfin = asked.jellyfin;
  out.made_by = job;
  return out;
}

} // namespace

result<std::string> make_storyboard(attempt& a, const workshop& shop) {
  auto asked = decode_storyboard_payload(a.what().payload);
  if (!asked)
    return std::move(asked).error();
  auto seen = examine(a, shop, asked->video, content::as_scanned);
  if (!seen)
    return std::move(seen).error();
  const auto& [src, media] = *seen;
  if (media.first("video") == nullptr)
    return {errc::unprocessable, "the file has no film, and so no storyboard can be made of it"};
  scratch_folder scratch{shop, a.what().token};
  output_folder out{shop, scratch.file("storyboard")};
  a.stage(pictures_from, "storyboard", "taking pictures");
  auto body = a.execute(request_for(*asked, src, media), {src.file},
                        within(a, pictures_from, publish_from, "storyboard", "taking pictures"), out.maker());
  if (!body)
    return reason_of(a, shop, src, std::move(body).error());
  auto made = exec::decode_storyboard_answer(*body);
  if (!made)
    return std::move(made).error();
  auto row = describe(a.what().token, *asked, src, *made);
  auto files = files_of(*made, row);
  if (!files)
    return std::move(files).error();
  TROUPE_TRY(out.check(*files));
  TROUPE_TRY(check_unchanged(a, shop, src));
  if (a.stopped())
    return error{errc::cancelled};
  a.stage(publish_from, "publish", "putting the sheets in place");
  row.bytes = out.bytes();
  TROUPE_TRY(out.publish(a, row.folder));
  return encode(storyboard_result{row});
}

} // namespace troupe::work
