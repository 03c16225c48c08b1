#define CAF_SUITE host.mounted_file

#include "host/mounted_file.hpp"

#include "host/root_threads.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/unit_test.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <fstream>
#include <future>
#include <thread>

using namespace troupe;

namespace {

std::string text_of(size_t size) {
  std::string out;
  for (size_t i = 0; out.size() < size; ++i)
    out += std::to_string(i) + ' ';
  out.resize(size);
  return out;
}

/// Threads of a mount that hangs: whatever they are given stays undone.
struct hung_threads final : ports::root_threads {
  result<void> begin(const std::string& root, std::function<void()> task) override {
    return go_on(root, std::move(task));
  }
  result<void> go_on(const std::string&, std::function<void()> task) override {
    tasks.push_back(std::move(task));
    return {};
  }
  std::vector<std::function<void()>> tasks;
};

struct fixture {
  test::temporary_folder folder{test::in_memory()};
  std::string text = text_of(1'000'000);
  std::shared_ptr<const unique_fd> file = write();

  std::shared_ptr<const unique_fd> write() {
    std::ofstream{folder / "film"} << text;
    return std::make_shared<const unique_fd>(::open((folder / "film").c_str(), O_RDONLY | O_CLOEXEC));
  }
  host::mounted_file mounted(const std::shared_ptr<ports::root_threads>& disks) {
    return {file, file_version{text.size(), 1, 2}, disks, "library:1"};
  }
  static result<ports::fetched_bytes> next(ports::far_stream& from) {
    std::promise<result<ports::fetched_bytes>> got;
    from.next([&](auto x) { got.set_value(std::move(x)); });
    return got.get_future().get();
  }
};

/// Both ends of a connection over TCP, as clients have it.
struct tcp_pair {
  tcp_pair() {
    unique_fd listener{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof a;
    auto* at = reinterpret_cast<sockaddr*>(&a);
    CAF_REQUIRE(::bind(listener.get(), at, size) == 0 && ::listen(listener.get(), 1) == 0);
    CAF_REQUIRE(::getsockname(listener.get(), at, &size) == 0);
    here = unique_fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    CAF_REQUIRE(::connect(here.get(), at, size) == 0);
    there = unique_fd{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  }
  unique_fd here, there;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(mounted_file_tests, fixture)

CAF_TEST(a part comes block by block and whole) {
  auto disks = std::make_shared<host::root_threads>();
  auto film = mounted(disks);
  for (auto [begin, end] : std::vector<std::pair<uint64_t, uint64_t>>{
         {0, 1'000'000}, {0, 1}, {999'999, 1'000'000}, {7, 262'151}, {7, 262'152}, {300'000, 900'000}}) {
    auto stream = film.read({begin, end});
    std::string got;
    while (got.size() < end - begin) {
      auto x = next(*stream);
      CAF_REQUIRE(x.has_value());
      std::string piece(x->length, '\0');
      CAF_REQUIRE_EQUAL(::pread(x->descriptor, piece.data(), piece.size(), static_cast<off_t>(x->offset)),
                        static_cast<ssize_t>(piece.size()));
      got += piece;
    }
    CAF_CHECK(got == text.substr(begin, end - begin));
  }
}

CAF_TEST(what was sent before is not overwritten by what is read next) {
  auto disks = std::make_shared<host::root_threads>();
  auto film = mounted(disks);
  auto stream = film.read({0, text.size()});
  tcp_pair client;
  std::string wanted, got;
  for (int i = 0; i < 3; ++i) {
    auto x = next(*stream);
    CAF_REQUIRE(x.has_value());
    off_t from = 0;
    // Less than a block, as when a client's window is full.
    CAF_REQUIRE_EQUAL(::sendfile(client.here.get(), x->descriptor, &from, 20'000), 20'000);
    wanted += text.substr(static_cast<size_t>(i) * 256 * 1024, 20'000);
  }
  got.resize(wanted.size());
  CAF_REQUIRE_EQUAL(::recv(client.there.get(), got.data(), got.size(), MSG_WAITALL), static_cast<ssize_t>(got.size()));
  CAF_CHECK(got == wanted);
}

CAF_TEST(a file that became shorter is told) {
  auto disks = std::make_shared<host::root_threads>();
  auto film = mounted(disks);
  auto stream = film.read({0, text.size()});
  CAF_CHECK(next(*stream).has_value());
  std::filesystem::resize_file(folder / "film", 300'000);
  auto x = next(*stream);
  CAF_REQUIRE(!x.has_value());
  CAF_CHECK(x.error().code == errc::unavailable);
}

CAF_TEST(who waits for a mount that hangs can leave and nothing is closed in place) {
  auto disks = std::make_shared<hung_threads>();
  int told = 0;
  {
    auto film = mounted(disks);
    auto stream = film.read({0, text.size()});
    stream->next([&](auto) { ++told; });
    CAF_REQUIRE_EQUAL(disks->tasks.size(), 1u);
  }
  CAF_CHECK_EQUAL(file.use_count(), 2);
  // The mount answers after all: nobody is told, and the file is closed by its threads.
  auto read = std::move(disks->tasks.front());
  disks->tasks.clear();
  read();
  read = {};
  CAF_CHECK_EQUAL(told, 0);
  CAF_REQUIRE_EQUAL(disks->tasks.size(), 1u);
  CAF_CHECK_EQUAL(file.use_count(), 2);
  disks->tasks.front()();
  CAF_CHECK_EQUAL(file.use_count(), 1);
}

CAF_TEST(the last owner of a stream may be who is told) {
  auto disks = std::make_shared<hung_threads>();
  auto film = mounted(disks);
  auto stream = std::shared_ptr<ports::far_stream>{film.read({0, text.size()})};
  int told = 0;
  stream->next([&told, owner = stream](auto) { ++told; });
  stream.reset();
  auto read = std::move(disks->tasks.front());
  read();
  CAF_CHECK_EQUAL(told, 1);
}

CAF_TEST(slow clients do not fill the memory) {
  auto disks = std::make_shared<host::root_threads>();
  auto film = mounted(disks);
  std::vector<std::unique_ptr<ports::far_stream>> all;
  for (int i = 0; i < 512; ++i)
    all.push_back(film.read({0, 1}));
  CAF_CHECK(next(*all.back()).has_value());
  auto more = film.read({0, 1});
  auto refused = next(*more);
  CAF_REQUIRE(!refused.has_value());
  CAF_CHECK(refused.error().code == errc::unavailable && refused.error().retry_after > milliseconds{0});
  more.reset();
  all.pop_back();
  // Its thread gives it up a moment after it has told what it read.
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  auto again = next(*film.read({0, 1}));
  while (!again && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(milliseconds{1});
    again = next(*film.read({0, 1}));
  }
  CAF_CHECK(again.has_value());
}

CAF_TEST(without the threads of its node nothing is read) {
  auto disks = std::make_shared<hung_threads>();
  auto film = mounted(disks);
  auto stream = film.read({0, text.size()});
  disks.reset();
  CAF_CHECK(next(*stream).error().code == errc::unavailable);
}

CAF_TEST(what is on a disk of this machine is sent as it is) {
  auto disks = std::make_shared<hung_threads>();
  auto x = host::behind_threads({file, file_version{text.size(), 1, 2}, {}}, disks, "data");
  CAF_CHECK(x.here == file && !x.far);
  // Of a file system that is no disk: its files may be anybody's.
  auto odd = std::make_shared<const unique_fd>(::open("/proc/version", O_RDONLY | O_CLOEXEC));
  auto y = host::behind_threads({odd, file_version{5, 6, 7}, {}}, disks, "data");
  CAF_REQUIRE(y.far && !y.here);
  CAF_CHECK(y.far->version() == (file_version{5, 6, 7}));
}

CAF_TEST_FIXTURE_SCOPE_END()
