// Commands that have something made of a video: renditions, ladders.

#include "nodes/troupe/make.hpp"

#include "nodes/troupe/watch.hpp"
#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"
#include "protocol/model/profile_builder.hpp"
#include "protocol/model/storyboard_wish.hpp"

#include <CLI/CLI.hpp>

namespace troupe::cli {

namespace {

struct wish {
  std::string video;
  std::string profile;
  /// FIELD=VALUE
  std::vector<std::string> changes;
  /// It must be one.
  bool ladder = false;
  bool wait = false;
};

/// {"profile":"web-720p","crf":20}
std::string profile_json_of(const wish& x) {
  object_writer out;
  out.text("profile", x.profile);
  for (auto& change : x.changes) {
    auto split = change.find('=');
    auto field = change.substr(0, split);
    auto* known = find_profile_field(field);
    if (split == std::string::npos || !known)
      throw failure(exit_code::usage, "'" + printable(change)
                                        + "' is not FIELD=VALUE of a profile; 'troupe profiles show "
                                        + printable(x.profile) + "' lists the fields");
    auto value = change.substr(split + 1);
    bool text = std::holds_alternative<std::string media_profile::*>(known->place);
    !text&& is_json(value) ? out.raw(field, value) : out.text(field, value);
  }
  return std::move(out).str();
}

/// Submits and tells, or follows to the end.
exit_code submit(session& s, job_spec spec, bool wait) {
  auto& node = s.connect();
  auto receipt = node.ask<mesh::submitted>(node.node().jobs, mesh::submit_jobs{{std::move(spec)}}).receipts.at(0);
  if (wait)
    return watch_job(s, receipt.id);
  object_writer out;
  if (s.json())
    print_line(std::move(out.id("jobId", receipt.id).text("status", to_string(receipt.state))).str());
  else
    print_line("job/" + receipt.id.str() + " submitted; follow it with: troupe jobs watch " + receipt.id.str());
  return exit_code::ok;
}

exit_code transcode(session& s, const wish& x) {
  auto known = known_profiles(s);
  auto made = profile_from_json(profile_json_of(x), known);
  if (!made)
    throw failure(exit_code::usage, made.error().message);
  if (x.ladder && !makes_ladder(*made))
    throw failure(exit_code::usage, "profile " + printable(made->name)
                                      + " makes one file, not a ladder: 'troupe video transcode' makes it");
  auto& node = s.connect();
  auto id = node.ask<video_detail>(node.node().catalogue, mesh::get_video{find_video(s, x.video)}).item.id;
  auto profile = encode(*made);
  job_spec spec;
  spec.kind = makes_ladder(*made) ? "hls" : "transcode";
  object_writer payload;
  spec.payload = std::move(payload.id("videoId", id).raw("profile", profile)).str();
  // Asked for twice while it is not done: the same job. Ladders have a key from the node.
  if (x.changes.empty() && !makes_ladder(*made))
    spec.unique_key = "transcode:" + id.str() + ":" + x.profile + ":" + digest_of(*made);
  return submit(s, std::move(spec), x.wait);
}

struct board_wish {
  wish what;
  bool bif = false;
  bool jellyfin = false;
  /// 0: not said.
  uint32_t interval = 0;
  uint32_t width = 0;
  bool again = false;

  storyboard_wish named() const {
    storyboard_wish out;
    out.width = width > 0 ? std::optional{width} : std::nullopt;
    out.interval = interval > 0 ? std::optional{interval} : std::nullopt;
    out.bif = bif ? std::optional{true} : std::nullopt;
    out.jellyfin = jellyfin ? std::optional{true} : std::nullopt;
    out.again = again;
    return out;
  }
};

exit_code make_storyboard(session& s, const board_wish& x) {
  auto& node = s.connect();
  auto found = node.ask<video_detail>(node.node().catalogue, mesh::get_video{find_video(s, x.what.video)});
  auto wish = x.named();
  auto& there = found.board;
  if (is_met(wish, there)) {
    object_writer out;
    if (s.json())
      print_line(std::move(out.text("jobId", there.made_by).text("status", "completed")).str());
    else
      print_line("video/" + found.item.id.str() + " has a storyboard of " + std::to_string(there.count)
                 + " pictures; --again makes another");
    return exit_code::ok;
  }
  job_spec spec;
  spec.kind = "storyboard";
  spec.payload = payload_of(wish, found);
  return submit(s, std::move(spec), x.what.wait);
}

void add_video_option(CLI::App& cmd, const std::shared_ptr<wish>& x) {
  cmd.add_option("VIDEO", x->video, "Id, or words that only its title or path has")->required();
  cmd.add_flag("--wait", x->wait, "Follow it to its end; exit status 4 when it fails");
}

void add_transcode(CLI::App& to, session& s, const char* name, const char* about, const char* profile) {
  auto x = std::make_shared<wish>();
  x->profile = profile;
  x->ladder = std::string_view{name} == "hls";
  auto* cmd = to.add_subcommand(name, about);
  add_video_option(*cmd, x);
  cmd->add_option("--profile", x->profile, "What to make; 'troupe profiles' lists them")->capture_default_str();
  cmd->add_option("--with", x->changes, "FIELD=VALUE that differs from the profile; several times")
    ->allow_extra_args(false);
  cmd->callback([&s, x] { s.action = [&s, x] { return transcode(s, *x); }; });
  cmd->footer(std::string{"Examples:\n  troupe video "} + name + " \"big buck\" --wait\n  troupe video " + name
              + " \"big buck\" --profile " + profile + " --with loudness=-16 --with name=quiet"
              + (x->ladder ? ""
                           : "\nStreams that already fit are copied; --with copyFitting=false "
                             "encodes them anew."));
}

void add_storyboard(CLI::App& to, session& s) {
  auto x = std::make_shared<board_wish>();
  auto* cmd = to.add_subcommand("storyboard", "Make the small pictures of a player's seek bar");
  cmd->add_option("VIDEO", x->what.video, "Id, or words that only its title or path has")->required();
  cmd->add_flag("--wait", x->what.wait, "Follow it to its end; exit status 4 when it fails");
  cmd->add_flag("--bif", x->bif, "A BIF file, too, for Roku and Plex players");
  cmd->add_flag("--jellyfin", x->jellyfin, "Sheets as Jellyfin's trickplay has them, to be copied beside the film");
  cmd
    ->add_option("--interval", x->interval,
                 "Seconds from picture to picture; unless told as it was, or the node's setting")
    ->check(CLI::Range(1, 3600));
  cmd->add_option("--width", x->width, "Of a picture, pixels; unless told as it was, or the node's setting")
    ->check(CLI::Range(16, 1024));
  cmd->add_flag("--again", x->again, "Although there is one that has all of that");
  cmd->callback([&s, x] { s.action = [&s, x] { return make_storyboard(s, *x); }; });
  cmd->footer("Films get one by themselves after their ingest, unless storyboards.after_ingest is off.\n"
              "Examples:\n  troupe video storyboard \"big buck\" --bif --wait\n"
              "  troupe video storyboard \"big buck\" --jellyfin --wait && troupe video show \"big buck\"\n"
              "The folder that 'video show' names then, copied to 'Big Buck.trickplay' beside 'Big Buck.mkv', is what "
              "Jellyfin reads when its library stores trickplay images next to media.");
}

} // namespace

void add_make_commands(CLI::App& app, CLI::App& videos, session& s) {
  add_transcode(videos, s, "transcode", "Make a rendition: another format, size or codec", "web-720p");
  add_transcode(videos, s, "hls", "Make an HLS ladder, for players that adapt to their line", "hls");
  add_storyboard(videos, s);
  add_transcode(app, s, "transcode", "The same as 'troupe video transcode'", "web-720p");
}

} // namespace troupe::cli
