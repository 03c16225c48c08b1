#define CAF_SUITE library.removed_videos

#include "tests/actors/library/librarian_fixture.hpp"

using namespace troupe;
using namespace troupe::test;
using namespace troupe::catalogue;

CAF_TEST_FIXTURE_SCOPE(removed_videos_tests, librarian_fixture)

CAF_TEST(what an ingest made after its library was removed leaves neither row nor file) {
  auto id = films();
  auto film = found(id);
  // Else the removal would cancel all that belongs to the scan.
  hand_in(next("scan").token);
  ask<mesh::done>(librarian, mesh::remove_library{id});
  hand_in(film.work.token, film.result);
  CAF_CHECK(store.videos.empty());
  CAF_CHECK(disk->removed().contains("/data/" + film.picture));
}

CAF_TEST(what is made of a film that was removed with its file changes nothing and leaves no file) {
  auto film = found(films());
  remove(film.id, true);
  CAF_CHECK(hand_in(film.work.token, film.result).value().stale.empty());
  CAF_CHECK(store.videos.empty());
  CAF_CHECK(disk->removed().contains("/data/" + film.picture));
  CAF_CHECK(disk->removed().contains("/films/a.mkv"));
}

CAF_TEST(what is made of a film that was removed from the catalogue only changes nothing and leaves no file) {
  auto film = found(films());
  remove(film.id, false);
  CAF_CHECK(hand_in(film.work.token, film.result).value().stale.empty());
  CAF_CHECK(store.videos.at(film.id).state == video_state::removed);
  CAF_CHECK(store.videos.at(film.id).media.empty());
  CAF_CHECK(disk->removed().contains("/data/" + film.picture));
  CAF_CHECK(!disk->removed().contains("/films/a.mkv"));
}

CAF_TEST(the failure of a film that was removed meanwhile does not bring it back) {
  auto film = found(films());
  remove(film.id, true);
  hand_in(film.work.token, "{}", attempt_end::failed);
  CAF_CHECK(store.videos.empty());
}

CAF_TEST(a result that came before the removal goes with the film and one that is repeated is stale) {
  auto film = found(films());
  hand_in(film.work.token, film.result);
  CAF_CHECK(store.videos.at(film.id).state == video_state::ready);
  remove(film.id, true);
  CAF_CHECK_EQUAL(hand_in(film.work.token, film.result).value().stale.size(), 1u);
  CAF_CHECK(store.videos.empty());
}

CAF_TEST(a rendition of a film that was removed meanwhile is not published) {
  auto film = found(films());
  hand_in(film.work.token, film.result);
  work::transcode_payload wanted;
  wanted.video = film.id;
  wanted.profile = *find_profile("remux");
  job_spec spec;
  spec.kind = "transcode";
  spec.payload = encode(wanted);
  submit_now(spec);
  auto work = next("transcode");
  remove(film.id, false);
  work::transcode_result made;
  made.item.video = film.id;
  made.item.file = "renditions/" + work::output_name(work.token) + ".mp4";
  CAF_CHECK(hand_in(work.token, encode(made)).value().stale.empty());
  CAF_CHECK(store.renditions.empty());
  CAF_CHECK(disk->removed().contains("/data/" + made.item.file));
  CAF_CHECK(!disk->removed().contains("/data/" + film.picture));
}

CAF_TEST(storyboards and ladders go with their film and late ones are not published) {
  auto film = found(films());
  hand_in(film.work.token, film.result);
  join(3);
  work::storyboard_payload wanted;
  wanted.video = film.id;
  job_spec spec;
  spec.kind = "storyboard";
  spec.payload = encode(wanted);
  submit_now(spec);
  work::storyboard_result made;
  made.item.video = film.id;
  made.item.version = store.videos.at(film.id).version;
  made.item.columns = made.item.rows = made.item.count = 1;
  made.item.interval = milliseconds{1'000};
  auto first = next("storyboard");
  made.item.folder = "artwork/aa/" + work::output_name(first.token) + "-storyboard";
  hand_in(first.token, encode(made));
  CAF_CHECK_EQUAL(store.storyboards.at(film.id).folder, made.item.folder);
  submit_now(spec);
  auto late = next("storyboard");
  job_spec ladder;
  ladder.kind = "hls";
  ladder.payload = encode(work::hls_payload{film.id, *find_profile("hls")});
  submit_now(ladder);
  auto late_ladder = next("hls");
  remove(film.id, false);
  CAF_CHECK(store.storyboards.empty());
  made.item.folder = "artwork/aa/" + work::output_name(late.token) + "-storyboard";
  hand_in(late.token, encode(made));
  CAF_CHECK(store.storyboards.empty());
  CAF_CHECK(disk->removed().contains("/data/" + made.item.folder));
  work::transcode_result rendition;
  rendition.item.video = film.id;
  rendition.item.file = "renditions/" + work::output_name(late_ladder.token);
  hand_in(late_ladder.token, encode(rendition));
  CAF_CHECK(store.renditions.empty());
  CAF_CHECK(disk->removed().contains("/data/" + rendition.item.file));
}

CAF_TEST(the storyboard of an earlier content goes with its film) {
  auto film = found(films());
  hand_in(film.work.token, film.result);
  storyboard old;
  old.video = film.id;
  old.count = 1;
  old.version = store.videos.at(film.id).version;
  old.version.inode += 1;
  store.storyboards[film.id] = old;
  remove(film.id, false);
  CAF_CHECK(store.storyboards.empty());
}

CAF_TEST(an upload that is removed before its ingest has ended is not there yet and stays away after it) {
  join(10);
  submit_now(ingest_upload_spec("/data/uploads", job_id{random_id()}.str() + "/a.mkv", "a.mkv", "films"));
  auto work = next("ingest");
  auto id = target_of(store.jobs.at(work.token.job))->video;
  CAF_CHECK(ask<mesh::done>(librarian, mesh::remove_video{id, false}).code() == errc::not_found);
  work::ingest_result made;
  made.item.id = id;
  made.item.library = uploads_library;
  made.item.path = "x/a.mkv";
  made.item.media = "{}";
  hand_in(work.token, encode(made));
  CAF_CHECK(store.videos.at(id).state == video_state::ready);
  remove(id, false);
  CAF_CHECK(store.videos.empty());
  CAF_CHECK(disk->removed().contains("/data/uploads/x/a.mkv"));
  CAF_CHECK_EQUAL(hand_in(work.token, encode(made)).value().stale.size(), 1u);
  CAF_CHECK(store.videos.empty());
}

CAF_TEST(a download that ends without a film takes what it has fetched along) {
  join(10);
  auto start_download = [this] {
    job_spec spec;
    spec.kind = "download";
    spec.payload = encode(work::download_payload{"https://example.org/f.mp4", "", ""});
    submit_now(spec);
    return next("download").token;
  };
  auto part = [](const lease_token& token) { return "/data/tmp/" + token.job.str() + ".part"; };
  auto broken = [](const lease_token& token) {
    attempt_outcome out;
    out.token = token;
    out.end = attempt_end::failed;
    out.failure = {errc::io, "the connection broke"};
    out.cls = error_class::transient;
    return out;
  };
  auto running = start_download();
  auto waiting = start_download();
  auto failing = start_download();
  ask<mesh::handed_in>(dispatcher, mesh::hand_in{me, {broken(waiting)}});
  CAF_CHECK(get(waiting.job).state == job_state::delayed);
  hand_in(failing, "{}", attempt_end::failed);
  CAF_CHECK(disk->removed().contains(part(failing) + ".state"));
  CAF_CHECK(!disk->removed().contains(part(running)));
  CAF_CHECK(!disk->removed().contains(part(waiting)));
  for (auto& token : {running, waiting}) {
    ask<job>(dispatcher, mesh::act_on_job{token.job, mesh::job_action::cancel});
    CAF_CHECK(disk->removed().contains(part(token) + ".state"));
    CAF_CHECK(disk->removed().contains(part(token)));
  }
}

CAF_TEST_FIXTURE_SCOPE_END()
