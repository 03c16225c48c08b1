#define CAF_SUITE media.pipeline

// The threads of a transcode: stages that fail, cancels at any moment, what is left behind, memory, progress.

#include "media/pipeline.hpp"
#include "media/operations.hpp"
#include "media/probe.hpp"
#include "media/transcode.hpp"
#include "tests/support/seeds.hpp"
#include "tests/unit/media/executor_client.hpp"
#include "tests/unit/media/lab.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <random>
#include <thread>

using namespace troupe;
using namespace media_test;
using namespace std::chrono_literals;

namespace {

/// Ends the tests where a thread waits for ever: the failure that these tests look for does not return.
class watchdog {
public:
  explicit watchdog(std::chrono::seconds limit) : thread_([this, limit] { watch(limit); }) {
  }
  ~watchdog() {
    {
      std::lock_guard lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

private:
  void watch(std::chrono::seconds limit) {
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, limit, [this] { return over_; }))
      return;
    std::fprintf(stderr, "a pipeline hangs\n");
    ::abort();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;
};

size_t threads_now() {
  size_t n = 0;
  for (auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    (void)entry;
    ++n;
  }
  return n;
}

/// Threads that were joined may be seen a moment longer.
bool threads_are(size_t expected) {
  for (int i = 0; i < 200; ++i) {
    if (threads_now() <= expected)
      return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

size_t descriptors_now() {
  size_t n = 0;
  for (auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    (void)entry;
    ++n;
  }
  return n;
}

exec::request transcode_request(const std::string& path, const media_profile& profile) {
  exec::request r;
  r.op = exec::op::transcode;
  r.name_hint = extension(path);
  r.profile = profile;
  r.source = *media::probe(open_source(path).get(), r.name_hint, quiet_task());
  return r;
}

std::string film() {
  static const auto path = [] {
    auto p = scratch("stress.mkv");
    write_file(scratch("stress.srt"), "1\n00:00:00,500 --> 00:00:01,000\nx\n");
    ffmpeg("-f lavfi -i testsrc=s=160x120:r=25:d=4 -f lavfi -i sine=d=4 -f lavfi -i sine=f=300:d=4 -i " + scratch("stress.srt")
           + " -map 0 -map 1 -map 2 -map 3 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac " + p);
    return p;
  }();
  return path;
}

/// Numbers through three stages; `faulty` fails or throws at its n-th item. The sum that arrived.
struct chain {
  media::bounded_queue<int> first{3};
  media::bounded_queue<int> second{3};
  int64_t sum = 0;

  result<void> run(int items, int faulty, int at, bool throws, int cancel_after_us) {
    auto trouble = [=](int stage, int n) -> result<void> {
      if (stage != faulty || n != at)
        return {};
      if (throws)
        throw std::bad_alloc();
      return {errc::bad_media, "stage " + std::to_string(stage)};
    };
    media::pipeline threads;
    threads.add(first);
    threads.add(second);
    TROUPE_TRY(threads.spawn("one", [&, trouble]() -> result<void> {
      for (int i = 0; i < items; ++i) {
        TROUPE_TRY(trouble(0, i));
        if (!first.push(i))
          return media::stopped_error();
      }
      first.close();
      return {};
    }));
    TROUPE_TRY(threads.spawn("two", [&, trouble]() -> result<void> {
      while (auto i = first.pop()) {
        TROUPE_TRY(trouble(1, *i));
        if (!second.push(*i))
          return media::stopped_error();
      }
      if (first.stopped())
        return media::stopped_error();
      second.close();
      return {};
    }));
    TROUPE_TRY(threads.spawn("three", [&, trouble]() -> result<void> {
      while (auto i = second.pop()) {
        TROUPE_TRY(trouble(2, *i));
        sum += *i;
      }
      return second.stopped() ? result<void>{media::stopped_error()} : result<void>{};
    }));
    if (cancel_after_us >= 0) {
      std::this_thread::sleep_for(std::chrono::microseconds(cancel_after_us));
      threads.fail({errc::cancelled, "enough"});
    }
    while (!threads.wait_for(1ms)) {
    }
    return threads.join();
  }
};

} // namespace

CAF_TEST(a queue holds so many items and so many bytes) {
  watchdog dog(60s);
  media::bounded_queue<size_t> queue(4, 100, [](const size_t& x) { return x; });
  std::atomic<int> pushed = 0;
  std::thread producer([&] {
    // 60 and 40 fill it, 1 waits for the 60 to go, 300 for all of them, and the last for the fourth of four.
    for (size_t x : {60, 40, 1, 300, 1, 1, 1, 1, 1}) {
      queue.push(x);
      ++pushed;
    }
    queue.close();
  });
  auto settled = [&](int n) {
    for (int i = 0; i < 2000 && pushed != n; ++i)
      std::this_thread::sleep_for(1ms);
    // It must not go on by itself either.
    std::this_thread::sleep_for(20ms);
    return pushed == n;
  };
  CAF_CHECK(settled(2));
  CAF_CHECK_EQUAL(queue.pop().value_or(0), 60u);
  CAF_CHECK(settled(3));
  CAF_CHECK_EQUAL(queue.pop().value_or(0), 40u);
  CAF_CHECK(settled(3));
  CAF_CHECK_EQUAL(queue.pop().value_or(0), 1u);
  CAF_CHECK(settled(4));
  CAF_CHECK_EQUAL(queue.pop().value_or(0), 300u);
  CAF_CHECK(settled(8));
  for (int i = 0; i < 5; ++i)
    CAF_CHECK_EQUAL(queue.pop().value_or(0), 1u);
  CAF_CHECK(!queue.pop());
  producer.join();
}

CAF_TEST(a stage that fails at any item stops the others and its own error is told) {
  watchdog dog(60s);
  const auto before = threads_now();
  test::for_seeds(300, [](uint64_t seed) {
    std::mt19937_64 random(seed);
    chain c;
    const int items = static_cast<int>(random() % 200);
    const int faulty = static_cast<int>(random() % 4);
    const int at = static_cast<int>(random() % 200);
    const bool throws = random() % 2;
    auto done = c.run(items, faulty, at, throws, -1);
    if (faulty == 3 || at >= items) {
      CAF_REQUIRE(done.has_value());
      CAF_CHECK_EQUAL(c.sum, int64_t{items} * (items - 1) / 2);
    } else {
      CAF_REQUIRE(!done);
      CAF_CHECK(done.error().code == (throws ? errc::unavailable : errc::bad_media));
    }
  });
  CAF_CHECK(threads_are(before));
}

CAF_TEST(a pipeline that is stopped at any moment ends) {
  watchdog dog(60s);
  const auto before = threads_now();
  test::for_seeds(300, [](uint64_t seed) {
    std::mt19937_64 random(seed);
    chain c;
    auto done = c.run(100'000'000, 3, 0, false, static_cast<int>(random() % 300));
    CAF_REQUIRE(!done);
    CAF_CHECK(done.error().code == errc::cancelled);
  });
  CAF_CHECK(threads_are(before));
}

CAF_TEST(a transcode that is cancelled at any moment ends and leaves nothing) {
  watchdog dog(120s);
  auto web = encoding("web-720p");
  auto loud = encoding("web-720p");
  loud.loudness = -20;
  auto kept = encoding("remux");
  auto av1 = encoding("av1");
  av1.preset = "12";
  std::vector<exec::request> requests;
  for (auto& p : {web, loud, kept, encoding("webm"), av1})
    requests.push_back(transcode_request(film(), p));
  const auto threads = threads_now();
  const auto descriptors = descriptors_now();
  int cancelled = 0;
  // The slow ones less often.
  const uint64_t seeds = test::soaking() ? 500 : 24;
  test::for_seeds(seeds, [&](uint64_t seed) {
    std::mt19937_64 random(seed);
    std::atomic<bool> stop{false};
    media::task job{stop};
    auto& r = requests[seed % 6 == 5 ? 4 : seed % 6 == 4 ? 3 : random() % 3];
    auto source = open_source(film());
    auto output = open_output(scratch("cancelled"));
    std::thread canceller([&, after = random() % 250'000] {
      std::this_thread::sleep_for(std::chrono::microseconds(after));
      stop = true;
    });
    auto begin = std::chrono::steady_clock::now();
    auto answer = media::transcode(source.get(), output.get(), r, job);
    canceller.join();
    CAF_CHECK(std::chrono::steady_clock::now() - begin < 20s);
    if (!answer) {
      CAF_CHECK(answer.error().code == errc::cancelled);
      ++cancelled;
    }
  });
  CAF_MESSAGE(cancelled << " of " << seeds << " were cancelled");
  CAF_CHECK(cancelled > 0);
  CAF_CHECK(threads_are(threads));
  CAF_CHECK_EQUAL(descriptors_now(), descriptors);
}

CAF_TEST(a result that can not be written any more ends the work) {
  watchdog dog(60s);
  const auto threads = threads_now();
  rlimit old{};
  ::getrlimit(RLIMIT_FSIZE, &old);
  ::signal(SIGXFSZ, SIG_IGN);
  auto profile = encoding("web-720p");
  profile.crf = 5;
  auto r = transcode_request(film(), profile);
  for (rlim_t bytes : {100u, 5'000u, 70'000u, 150'000u}) {
    auto source = open_source(film());
    auto output = open_output(scratch("full"));
    rlimit small{bytes, old.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    auto answer = media::transcode(source.get(), output.get(), r, quiet_task());
    ::setrlimit(RLIMIT_FSIZE, &old);
    CAF_REQUIRE(!answer);
    CAF_CHECK(answer.error().code == errc::too_large);
  }
  CAF_CHECK(threads_are(threads));
}

CAF_TEST(progress rises and is all only at the end) {
  for (double loudness : {0.0, -20.0}) {
    std::vector<exec::progress> told;
    std::atomic<bool> never{false};
    media::task job{never, [&](const exec::progress& p) { told.push_back(p); }};
    auto profile = encoding("web-720p");
    profile.loudness = loudness;
    auto r = transcode_request(film(), profile);
    auto source = open_source(film());
    auto output = open_output(scratch("progress"));
    auto answer = media::transcode(source.get(), output.get(), r, job);
    CAF_REQUIRE(answer.has_value());
    CAF_REQUIRE(!told.empty());
    for (size_t i = 0; i < told.size(); ++i) {
      CAF_CHECK(i == 0 || told[i].fraction >= told[i - 1].fraction);
      CAF_CHECK(i == 0 || told[i].out_ms >= told[i - 1].out_ms || loudness != 0);
      CAF_CHECK((told[i].fraction >= 1) == (i + 1 == told.size()));
      CAF_CHECK(told[i].fraction >= 0);
      CAF_CHECK(told[i].fraction <= 1);
      CAF_CHECK(told[i].speed >= 0);
      // -1: not known yet.
      CAF_CHECK(told[i].eta_ms >= -1);
    }
    CAF_CHECK_EQUAL(told.back().frames, answer->frames);
    CAF_CHECK_EQUAL(told.back().eta_ms, 0);
  }
}

CAF_TEST(streams that come late do not fill the memory) {
  // Half a minute of noise of about 60 Mbit/s, whose only subtitle and sound come in its last second: what waits for
  // them must not be all of it.
  auto path = scratch("late.mkv");
  write_file(scratch("late.srt"), "1\n00:00:29,100 --> 00:00:29,500\nx\n");
  ffmpeg("-f lavfi -i \"nullsrc=s=640x360:r=10:d=30,geq=random(1)*255:128:128\" -itsoffset 29 -f lavfi -i sine=d=1 -i "
         + scratch("late.srt") + " -map 0 -map 1 -map 2 -c:v libx264 -preset ultrafast -qp 10 -g 10 -pix_fmt yuv420p -c:a aac " + path);
  const auto size = std::filesystem::file_size(path);
  CAF_MESSAGE(size / 1'000'000 << " MB");
  CAF_REQUIRE(size > 60'000'000);
  auto r = transcode_request(path, encoding("remux"));
  auto status = [](const char* name) {
    return std::stol(output_of("grep " + std::string(name) + " /proc/" + std::to_string(::getpid()) + "/status | tr -dc 0-9"));
  };
  // The high-water mark starts anew.
  write_file("/proc/self/clear_refs", "5");
  const auto before = status("VmRSS");
  auto source = open_source(path);
  auto output = open_output(scratch("late.mp4"));
  auto answer = media::transcode(source.get(), output.get(), r, quiet_task());
  CAF_REQUIRE(answer.has_value());
  const auto grown = (status("VmHWM") - before) / 1000;
  CAF_MESSAGE("grew by " << grown << " MB");
  // Ten seconds of it (30 MB) may wait in the muxer, and 16 MB before it.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // A sanitizer keeps what was freed.
  CAF_CHECK(grown < 50);
#endif
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// A sanitizer's own memory is in the way, and it hangs where there is none left.
CAF_TEST(memory that runs out is no fault of the film) {
  // Limits from "hardly anything" to "nearly enough": whichever allocation fails, of ours or of a library's, on whichever
  // thread, the answer is never that the film or the profile is at fault.
  const auto body = exec::encode(transcode_request(film(), encoding("web-720p")));
  int unavailable = 0;
  int done = 0;
  int died = 0;
  const bool soak = test::soaking();
  for (long megabytes = 2; megabytes <= 600; megabytes += soak ? 3 : megabytes < 64 ? 14 : 120) {
    executor_client e;
    CAF_REQUIRE(e.receive().has_value());
    const auto pages = std::stol(read_file("/proc/" + std::to_string(e.pid()) + "/statm"));
    const auto limit = static_cast<rlim_t>(pages * ::sysconf(_SC_PAGESIZE) + megabytes * 1'000'000);
    const rlimit memory{limit, limit};
    CAF_REQUIRE_EQUAL(::prlimit(e.pid(), RLIMIT_AS, &memory, nullptr), 0);
    auto source = open_source(film());
    auto output = open_output(scratch("small"));
    e.send(exec::frame_type::request, 1, body, {source.get(), output.get()});
    std::optional<exec::frame> f;
    do
      f = e.receive_answer();
    while (f && f->type == exec::frame_type::progress);
    if (!f) {
      // A library that knows no way out of it: the worker sees a dead executor, which is no fault of the film either.
      ++died;
    } else if (f->type == exec::frame_type::done) {
      ++done;
    } else {
      auto why = exec::decode_failure(f->body);
      CAF_REQUIRE(why.has_value());
      CAF_MESSAGE(megabytes << " MB: " << why->message);
      CAF_CHECK(why->code == errc::unavailable);
      ++unavailable;
    }
  }
  CAF_MESSAGE(done << " done, " << unavailable << " unavailable, " << died << " died");
  CAF_CHECK(unavailable > 0 && done > 0);
}
#endif
