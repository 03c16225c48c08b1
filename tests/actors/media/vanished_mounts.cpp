#define CAF_SUITE media.vanished_mounts

#include "actors/media/chunk_payloads.hpp"
#include "actors/media/in_time.hpp"
#include "actors/media/split_transcode.hpp"
#include "host/data_folder.hpp"
#include "tests/actors/media/work_fixture.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

using work_of_kind = result<std::string> (*)(attempt&, const workshop&);

struct mounts_fixture : work_fixture {
  mounts_fixture() {
    put("data/node.id", "one\n");
    shop.prove_data = [this] {
      ++proofs;
      return host::prove_data_folder(shop.data_folder, "one");
    };
  }

  /// The data folder's mount is gone: its mount point is empty.
  void lose_data() {
    fs::rename(shop.data_folder, root + "/real");
    fs::create_directory(shop.data_folder);
  }
  attempt_outcome run(work_of_kind work) {
    return run_attempt(a, in_proved_data(shop, work));
  }
  /// Below the folder that was the data folder.
  std::vector<std::string> real_files() const {
    std::vector<std::string> out;
    for (auto& x : fs::recursive_directory_iterator(root + "/real"))
      if (x.is_regular_file() && x.path().filename() != "node.id")
        out.push_back(x.path().string().substr(root.size() + 6));
    std::sort(out.begin(), out.end());
    return out;
  }
  void ask_part() {
    split_film film;
    film.video = video_id{{1, 1}};
    film.profile = *find_profile("web-720p");
    film.version = known_source()->version;
    film.chunks.resize(2);
    a.job.state = encode(film);
    a.job.payload = encode_chunk_payload(0);
    shop.find_source = [this](video_id) { return known_source(); };
  }
  void ask_download() {
    a.job.payload = encode(download_payload{"https://example.org/f.mp4", "", ""});
  }

  int proofs = 0;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(vanished_mounts_tests, mounts_fixture)

CAF_TEST(without the data folder nothing begins and another node may have it) {
  lose_data();
  ask_transcode();
  auto out = run(transcode);
  CAF_CHECK(out.end == attempt_end::failed);
  CAF_CHECK(out.cls == error_class::transient);
  CAF_CHECK(out.failure.message.find("there is no node.id in " + shop.data_folder) == 0);
  CAF_CHECK(a.stages.empty());
  CAF_CHECK(fs::is_empty(shop.data_folder));
  CAF_CHECK(real_files().empty());
}

CAF_TEST(a mount that hangs keeps no attempt) {
  auto back = std::make_shared<std::promise<void>>();
  auto hangs = [held = back->get_future().share()]() -> result<int> {
    held.wait();
    return 1;
  };
  const error late{errc::unavailable, "it hangs"};
  CAF_CHECK_EQUAL(in_time<int>(milliseconds{20}, hangs, late).error().message, "it hangs");
  back->set_value();
  CAF_CHECK_EQUAL(*in_time<int>(milliseconds{10'000}, hangs, late), 1);
}

CAF_TEST(what an attempt makes lands where it was proved and nowhere else) {
  struct way {
    work_of_kind work;
    std::function<void()> ask;
    exec::op at;
    size_t files;
  };
  for (auto& [work, ask, at, files] :
       std::vector<way>{{ingest, [this] { ask_ingest(); }, exec::op::probe, 2},
                        {ingest, [this] { ask_ingest(); }, exec::op::thumbnail, 2},
                        {transcode, [this] { ask_transcode(); }, exec::op::transcode, 1},
                        {transcode, [this] { ask_transcode(); }, exec::op::verify, 1},
                        {make_hls, [this] { ask_hls(); }, exec::op::hls, 3},
                        {make_storyboard, [this] { ask_storyboard(); }, exec::op::storyboard, 2}}) {
    a.before = [&, op = at](exec::op x) {
      if (x == op && !fs::exists(root + "/real"))
        lose_data();
    };
    ask();
    auto out = run(work);
    CAF_CHECK_EQUAL(out.failure.message, "");
    CAF_CHECK(out.end == attempt_end::completed);
    CAF_CHECK_EQUAL(real_files().size(), files);
    CAF_CHECK(fs::is_empty(shop.data_folder));
    fs::remove(shop.data_folder);
    fs::rename(root + "/real", shop.data_folder);
    fs::remove_all(shop.data_folder + "/renditions");
    fs::remove_all(shop.data_folder + "/artwork");
  }
}

CAF_TEST(a download goes on where it was proved and keeps its part there) {
  ask_download();
  shop.checkpoint_interval = milliseconds{1};
  a.broken = error{errc::io, "the connection broke"};
  a.meanwhile = [&] {
    lose_data();
    std::this_thread::sleep_for(milliseconds{20});
  };
  CAF_CHECK(run(download).end == attempt_end::failed);
  CAF_CHECK(fs::is_empty(shop.data_folder));
  CAF_CHECK_EQUAL(real_files().size(), 2u);
  fs::remove(shop.data_folder);
  fs::rename(root + "/real", shop.data_folder);
  a.broken.reset();
  a.meanwhile = [&] { lose_data(); };
  auto out = run(download);
  CAF_CHECK(out.end == attempt_end::completed);
  CAF_CHECK_EQUAL(a.asked.offset, 4u);
  CAF_CHECK(fs::is_empty(shop.data_folder));
  CAF_CHECK_EQUAL(real_files(), std::vector{"downloads/" + base() + "/evil_.mp4"});
  // Where people find it, and not by which way it got there.
  CAF_CHECK_EQUAL(decode_download_result(out.result)->path, shop.data_folder + "/downloads/" + base() + "/evil_.mp4");
}

CAF_TEST(what fails where the folder can not be proved any more is transient) {
  for (auto id : {"one\n", "two\n"}) {
    ask_transcode();
    a.cls.reset();
    // As of a mount that has become another's: what was made in it is not there.
    a.before = [&](exec::op x) {
      if (x != exec::op::verify)
        return;
      fs::remove_all(shop.data_folder + "/tmp");
      put("data/node.id", id);
    };
    proofs = 0;
    auto out = run(transcode);
    CAF_CHECK(out.end == attempt_end::failed);
    CAF_CHECK(out.failure.code == errc::not_found);
    // While the folder can be proved, what is not there is not there.
    CAF_CHECK(out.cls == (id == std::string{"one\n"} ? error_class::permanent : error_class::transient));
    CAF_CHECK_EQUAL(proofs, 2);
  }
}

CAF_TEST(a film whose mount goes while it is read is left to another node whatever is made of it) {
  struct way {
    work_of_kind work;
    std::function<void()> ask;
    std::vector<exec::op> at;
  };
  shop.mounted_libraries = true;
  for (auto& [work, ask, at] :
       std::vector<way>{{ingest, [this] { ask_ingest(); }, {exec::op::probe, exec::op::thumbnail}},
                        {transcode, [this] { ask_transcode(); }, {exec::op::probe, exec::op::transcode}},
                        {make_hls, [this] { ask_hls(); }, {exec::op::probe, exec::op::hls}},
                        {make_storyboard, [this] { ask_storyboard(); }, {exec::op::probe, exec::op::storyboard}},
                        {encode_chunk, [this] { ask_part(); }, {exec::op::encode_chunk}},
                        {encode_audio, [this] { ask_part(); }, {exec::op::encode_audio}}})
    for (auto op : at)
      for (bool stumbles : {true, false}) {
        put("in/film.MP4", "bytes");
        scanned.reset();
        ask();
        scanned = known_source()->version;
        a.cls.reset();
        // Perhaps the executor fails at what is no more, perhaps it has read it all.
        a.fail_at = stumbles ? std::optional{op} : std::nullopt;
        a.before = [&](exec::op x) {
          if (x == op)
            fs::remove_all(root + "/in");
        };
        // The fake executor makes no pieces.
        if (!stumbles && (op == exec::op::encode_chunk || op == exec::op::encode_audio || op == exec::op::probe))
          continue;
        auto out = run(work);
        CAF_CHECK(out.end == attempt_end::failed);
        if (out.cls != error_class::transient || out.failure.code != errc::not_found)
          CAF_FAIL("operation " << static_cast<int>(op) << ": " << to_string(out.cls) << ": " << out.failure.message);
      }
  // Gone before it began.
  ask_transcode();
  a.cls.reset();
  CAF_CHECK(run(transcode).cls == error_class::transient);
}

CAF_TEST_FIXTURE_SCOPE_END()
