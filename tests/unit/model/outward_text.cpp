#define CAF_SUITE model.outward_text

#include <caf/make_message.hpp>

#include "protocol/model/json.hpp"
#include "protocol/model/outward_text.hpp"

#include "tests/support/unit_test.hpp"

using namespace troupe;

CAF_TEST(of a path only the name is left) {
  auto check = [](std::string_view text, std::string_view expected) {
    CAF_CHECK_EQUAL(without_folders(text), std::string{expected});
  };
  check("", "");
  check("/srv/My Films/a b.mkv: not media", "a b.mkv: not media");
  check("can't read /srv/films/a.mkv", "can't read a.mkv");
  check("\"/srv/a, b/c.mkv\" is gone", "\"c.mkv\" is gone");
  check("/a/x.tmp to /b/y: no space", "x.tmp to y: no space");
  check("path=/srv/films/", "path=films");
  check("first /a/b: x\n/c/d: y", "first b: x\nd: y");
  check("https://example.org/a/b: 404", "https://example.org/a/b: 404");
  check("see /api/libraries/1", "see /api/libraries/1");
  check("3/4 of it, 3 / 4, and/or, //", "3/4 of it, 3 / 4, and/or, //");
  check("/", "/");
}

CAF_TEST(of the paths within JSON only the names are left) {
  auto check = [](std::string_view json, std::string_view expected) {
    CAF_CHECK_EQUAL(json_without_folders(json), std::string{expected});
  };
  check("", "");
  check(R"({"n":1,"a":[true,null,"x y"]})", R"({"n":1,"a":[true,null,"x y"]})");
  check(R"({"path":"/data/uploads/a.mkv","url":"https://example.org/a/b"})",
        R"({"path":"a.mkv","url":"https://example.org/a/b"})");
  check(R"(["\/srv\/secret\/a.mkv","\u002fsrv\u002fb",["/x/\"q\".mkv"]])", R"(["a.mkv","b",["\"q\".mkv"]])");
  check(R"({"stream":"/api/videos/1/stream","relative":"films/a.mkv"})",
        R"({"stream":"/api/videos/1/stream","relative":"films/a.mkv"})");
  check(R"("a\\")", R"("a\\")");
  // No JSON: one text.
  check(R"({"path":"/srv/secret/a.mkv)", R"({"path":"a.mkv)");
}

CAF_TEST(errors of jobs videos and scans show no folders) {
  job j;
  j.state = job_state::failed;
  j.last_error = {errc::bad_media, "/srv/secret/a.mkv: not media"};
  attempt_record a;
  a.failure = j.last_error;
  a.operation = "scan /srv/secret/films";
  a.log_tail = "open /srv/secret/a.mkv\nfailed";
  j.attempts.push_back(a);
  j.progress.message = "reading /srv/secret/a.mkv";
  j.spec.payload = R"({"path":"/srv/secret/a.mkv"})";
  j.result = R"({"path":"\/srv\/secret\/a.mkv"})";
  video v;
  v.problem = j.last_error;
  scan s;
  s.problems = {"/srv/secret/b: can't be read"};
  for (auto& text : {status_json(j, {}), detail_json(j, {}), outward_json(v), outward_json(s)})
    CAF_CHECK(text.find("secret") == std::string::npos);
  CAF_CHECK(status_json(j, {}).find("a.mkv: not media") != std::string::npos);
}
