#include "net/answers.hpp"
#include "net/json_body.hpp"
#include "net/route.hpp"

#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"
#include "protocol/model/profile_builder.hpp"
#include "protocol/model/storyboard_wish.hpp"

namespace troupe::net {

namespace {

/// Submits a job about the video in the path, after a look that it is there: a video that is not is a 404 now, not a
/// failed job later.
void submit_for_video(exchange& x, video_id id, job_spec spec) {
  auto next = [spec = std::move(spec)](exchange& self, const video_detail&) {
    self.app().backend.submit(spec, self.context(), then<submit_receipt>(self, [](exchange& s, submit_receipt receipt) {
                                s.answer(job_response(202, receipt));
                              }));
  };
  x.app().backend.find_video(id, then<video_detail>(x, std::move(next)));
}

/// The whole body is the profile: {"profile"} with what differs from it, or {"container",…}.
result<media_profile> asked_profile(const std::string& body, const std::vector<media_profile>& known) {
  auto fields = json_body::parse(body);
  if (!fields)
    return std::move(fields).error();
  auto made = profile_from_json(fields->dump(), known);
  if (!made)
    return made;
  if (auto problem = name_problem(*made, known)) {
    error refused{errc::validation, "the profile can't be used: name " + problem->reason};
    refused.fields.emplace_back(problem->field, problem->reason);
    return refused;
  }
  return made;
}

void transcode(exchange& x) {
  auto id = id_from_path<video_id>(x, "video");
  if (!id)
    return;
  auto profile = asked_profile(x.req.body, *x.app().backend.profiles());
  if (!profile)
    return x.answer_error(profile.error());
  object_writer payload;
  payload.text("videoId", id->str()).raw("profile", encode(*profile));
  job_spec spec;
  spec.kind = makes_ladder(*profile) ? "hls" : "transcode";
  spec.payload = std::move(payload).str();
  submit_for_video(x, *id, std::move(spec));
}

void profiles(exchange& x) {
  object_writer out;
  out.raw("profiles", json_array(*x.app().backend.profiles(), [](const media_profile& one) { return encode(one); }));
  x.answer(json_response(200, std::move(out).str()));
}

/// {jobId,status,trackingUrl} of the job that has made it already.
response made_response(const std::string& job) {
  object_writer out;
  out.text("jobId", job).text("status", "completed").text("trackingUrl", "/api/jobs/" + job + "/status");
  return json_response(200, std::move(out).str());
}

void make_storyboard(exchange& x) {
  auto id = id_from_path<video_id>(x, "video");
  if (!id)
    return;
  auto body = json_body::parse(x.req.body);
  if (!body)
    return x.answer_error(body.error());
  body->only({"interval", "width", "bif", "jellyfin", "again"});
  storyboard_wish wish;
  auto whole = [](const std::optional<int64_t>& n) {
    return n ? std::optional{static_cast<uint32_t>(*n)} : std::nullopt;
  };
  wish.interval = whole(body->integer("interval", 1, 3600));
  wish.width = whole(body->integer("width", 16, 1024));
  wish.bif = body->boolean("bif");
  wish.jellyfin = body->boolean("jellyfin");
  wish.again = body->boolean("again").value_or(false);
  if (auto verdict = body->verdict(); !verdict)
    return x.answer_error(verdict.error());
  auto next = [wish](exchange& self, const video_detail& found) {
    if (is_met(wish, found.board))
      return self.answer(made_response(found.board.made_by));
    job_spec spec;
    spec.kind = "storyboard";
    spec.payload = payload_of(wish, found);
    self.app().backend.submit(
      std::move(spec), self.context(),
      then<submit_receipt>(self, [](exchange& s, submit_receipt receipt) { s.answer(job_response(202, receipt)); }));
  };
  x.app().backend.find_video(*id, then<video_detail>(x, std::move(next)));
}

value_type type_of(const profile_field& f) {
  struct visitor {
    value_type operator()(std::string media_profile::*) const {
      return value_type::text;
    }
    value_type operator()(uint32_t media_profile::*) const {
      return value_type::integer;
    }
    value_type operator()(double media_profile::*) const {
      return value_type::number;
    }
    value_type operator()(bool media_profile::*) const {
      return value_type::boolean;
    }
    value_type operator()(std::vector<ladder_rung> media_profile::*) const {
      return value_type::list;
    }
  };
  return std::visit(visitor{}, f.place);
}

std::vector<body_field> profile_body() {
  std::vector<body_field> out{{"profile", value_type::text, false, "A profile of GET /api/profiles to begin with"}};
  for (auto& f : profile_fields())
    out.push_back({f.name, type_of(f), false, f.about});
  return out;
}

} // namespace

void add_media_job_routes(std::vector<route>& out) {
  route r;
  r.method = verb::post;
  r.path = "/api/videos/{id}/transcode";
  r.summary = "Make a rendition: a profile by name, with what shall differ, or described from container on";
  r.parameters = {path_id("Id of the video")};
  r.body = body_kind::json;
  r.fields = profile_body();
  r.answers = {{202, "Queued"}, {400, "Every field that is not allowed"}, {404, "No such video"}};
  r.handle = transcode;
  r.lenient = true;
  out.push_back(r);

  r = {};
  r.method = verb::post;
  r.path = "/api/videos/{id}/storyboard";
  r.summary = "Make the small pictures of a player's seek bar; while that is not done, the same job is given again";
  r.parameters = {path_id("Id of the video")};
  r.body = body_kind::json;
  r.fields = {{"interval", value_type::integer, false, "Seconds from picture to picture, 1 to 3600"},
              {"width", value_type::integer, false, "Of a picture, 16 to 1024"},
              {"bif", value_type::boolean, false, "A BIF file, too"},
              {"jellyfin", value_type::boolean, false, "Sheets named and sized as Jellyfin's trickplay has them"},
              {"again", value_type::boolean, false, "Although there is one that has all of that"}};
  r.answers = {{200, "There is one that has all of that"},
               {202, "Queued; what is not named is as it was, or as the configuration says"},
               {404, "No such video"},
               {409, "Too many different ones of this video are being made"}};
  r.handle = make_storyboard;
  out.push_back(r);

  r = {};
  r.path = "/api/profiles";
  r.summary = "The profiles that a transcode may name, with all their fields";
  r.answers = {{200, "All profiles"}};
  r.handle = profiles;
  out.push_back(r);
}

} // namespace troupe::net
