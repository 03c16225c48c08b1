#define CAF_SUITE media.download

#include "tests/actors/media/work_fixture.hpp"

using namespace troupe;
using namespace troupe::work;
using namespace troupe::test;

CAF_TEST_FIXTURE_SCOPE(download_tests, work_fixture)

CAF_TEST(a download that broke in its last attempt leaves nothing) {
  a.job.payload = encode(download_payload{"https://example.org/f.mp4", "films", ""});
  a.job.failures = 2;
  a.broken = error{errc::io, "the connection broke"};
  CAF_REQUIRE(!download(a, shop));
  CAF_CHECK_EQUAL(left(), std::vector<std::string>{});
}

CAF_TEST(a download that breaks goes on from where it was) {
  a.job.payload = encode(download_payload{"https://example.org/f.mp4?token=secret", "films", ""});
  a.broken = error{errc::io, "the connection broke"};
  auto first = download(a, shop);
  CAF_REQUIRE(!first);
  CAF_CHECK_EQUAL(a.asked.offset, 0u);
  CAF_CHECK(a.operation.find("secret") == std::string::npos);
  ++a.job.token.attempt;
  a.broken.reset();
  auto second = download(a, shop);
  CAF_REQUIRE(second.has_value());
  CAF_CHECK_EQUAL(a.asked.offset, 4u);
  CAF_CHECK_EQUAL(a.asked.validator, "\"v1\"");
  auto row = decode_download_result(*second);
  CAF_REQUIRE(row.has_value());
  CAF_CHECK_EQUAL(row->relative_path, base() + "/evil_.mp4");
  CAF_CHECK_EQUAL(row->title, "evil_");
  CAF_CHECK_EQUAL(*shop.files->read_text(row->path), "01230123");
  CAF_CHECK_EQUAL(left(), std::vector{"downloads/" + base() + "/evil_.mp4"});
}

CAF_TEST(what was fetched after the last sync is not gone on from) {
  a.job.payload = encode(download_payload{"https://example.org/f.mp4", "", ""});
  a.broken = error{errc::io, "the connection broke"};
  CAF_CHECK(!download(a, shop));
  // A power cut may leave anything behind what was synced.
  auto part = shop.data_folder + "/tmp/" + a.job.token.job.str() + ".part";
  std::ofstream{part, std::ios::app} << std::string(1000, '\0');
  ++a.job.token.attempt;
  a.broken.reset();
  auto second = download(a, shop);
  CAF_REQUIRE(second.has_value());
  CAF_CHECK_EQUAL(a.asked.offset, 4u);
  CAF_CHECK_EQUAL(*shop.files->read_text(decode_download_result(*second)->path), "01230123");
}

CAF_TEST(a download that was killed goes on from what was made durable) {
  a.job.payload = encode(download_payload{"https://example.org/f.mp4", "", ""});
  shop.checkpoint_interval = milliseconds{5};
  auto tmp = shop.data_folder + "/tmp";
  auto at_kill = root + "/at-kill";
  a.meanwhile = [&] {
    auto state = tmp + "/" + a.job.token.job.str() + ".part.state";
    for (int i = 0; i < 2'000 && !fs::exists(state); ++i)
      std::this_thread::sleep_for(milliseconds{1});
    fs::copy(tmp, at_kill);
  };
  a.broken = error{errc::not_found, "the end of the first attempt"};
  CAF_CHECK(!download(a, shop));
  CAF_CHECK(left().empty());
  // As if the process had died there, with no chance to put anything in order.
  fs::copy(at_kill, tmp);
  ++a.job.token.attempt;
  a.broken.reset();
  auto second = download(a, shop);
  CAF_REQUIRE(second.has_value());
  CAF_CHECK_EQUAL(a.asked.offset, 4u);
  CAF_CHECK_EQUAL(a.asked.validator, "\"v1\"");
  CAF_CHECK_EQUAL(*shop.files->read_text(decode_download_result(*second)->path), "01230123");
  CAF_CHECK_EQUAL(left(), std::vector{"downloads/" + base() + "/evil_.mp4"});
}

CAF_TEST(two attempts at once never write one file) {
  a.job.payload = encode(download_payload{"https://example.org/f.mp4", "", ""});
  auto b = a;
  ++b.job.token.attempt;
  result<std::string> second{errc::internal, ""};
  a.meanwhile = [&] { second = download(b, shop); };
  auto first = download(a, shop);
  CAF_REQUIRE(first.has_value() && second.has_value());
  CAF_CHECK_EQUAL(b.asked.offset, 0u);
  for (auto* made : {&first, &second})
    CAF_CHECK_EQUAL(*shop.files->read_text(decode_download_result(**made)->path), "0123");
  CAF_CHECK_EQUAL(left().size(), 2u);
  // One that breaks off beside another leaves nothing of its own and the other's part alone.
  b.broken = error{errc::io, "the connection broke"};
  a.broken = b.broken;
  a.meanwhile = [&] { second = download(b, shop); };
  CAF_CHECK(!download(a, shop));
  auto part = "tmp/" + a.job.token.job.str() + ".part";
  CAF_CHECK_EQUAL(left().size(), 4u);
  CAF_CHECK(fs::exists(shop.data_folder + "/" + part + ".state"));
}

CAF_TEST(a download whose part was taken away with its job leaves nothing) {
  a.job.payload = encode(download_payload{"https://example.org/f.mp4", "", ""});
  shop.checkpoint_interval = milliseconds{1};
  a.broken = error{errc::cancelled};
  a.meanwhile = [&] {
    auto part = shop.data_folder + "/tmp/" + a.job.token.job.str() + ".part";
    a.stop = true;
    fs::remove(part);
    fs::remove(part + ".state");
  };
  CAF_CHECK(!download(a, shop));
  CAF_CHECK_EQUAL(left(), std::vector<std::string>{});
}

CAF_TEST(a part of another url or after a permanent error is not used) {
  a.job.payload = encode(download_payload{"https://example.org/a", "", ""});
  a.broken = error{errc::io, "broke"};
  CAF_CHECK(!download(a, shop));
  a.job.payload = encode(download_payload{"https://example.org/b", "", ""});
  CAF_CHECK(!download(a, shop));
  CAF_CHECK_EQUAL(a.asked.offset, 0u);
  a.broken = error{errc::not_found, "404"};
  CAF_CHECK(!download(a, shop));
  CAF_CHECK(left().empty());
}

CAF_TEST(file names from outside are safe) {
  CAF_CHECK_EQUAL(safe_file_name(""), "download");
  CAF_CHECK_EQUAL(safe_file_name("../../etc/passwd"), "passwd");
  CAF_CHECK_EQUAL(safe_file_name("..\\..\\x.mp4"), "x.mp4");
  CAF_CHECK_EQUAL(safe_file_name("...hidden"), "hidden");
  CAF_CHECK_EQUAL(safe_file_name("a/.."), "download");
  CAF_CHECK_EQUAL(safe_file_name("bad\xff\n.mp4"), "bad__.mp4");
  auto name = safe_file_name(std::string(500, 'a') + ".mp4");
  CAF_CHECK_EQUAL(name.size(), 200u);
  CAF_CHECK(name.ends_with("a.mp4"));
}

CAF_TEST_FIXTURE_SCOPE_END()
