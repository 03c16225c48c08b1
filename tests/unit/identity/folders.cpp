#define CAF_SUITE identity.folders

#include "identity/folders.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/unit_test.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

using namespace troupe;
using namespace troupe::identity;

namespace {

namespace fs = std::filesystem;

const timestamp now = from_ms(1'800'000'000'000);
constexpr std::chrono::hours day{24};

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

unsigned mode_of(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 ? facts.st_mode & 0777 : 0;
}

template <class T>
std::string said(const result<T>& x) {
  return x ? "good" : std::string{to_string(x.error().code)} + ": " + x.error().message;
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct fixture {
  fixture() : place(folder / "cluster"), ca(authority_folder::create(place, "home", now)) {
    CAF_REQUIRE_EQUAL(said(ca), "good");
    auto made = ca->issue({"b", {"worker"}, {"10.0.0.2"}, 90 * day}, now);
    CAF_REQUIRE_EQUAL(said(made), "good");
    papers = *made;
  }
  test::temporary_folder folder;
  std::string place;
  result<authority_folder> ca;
  std::string papers;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(identity_folders, fixture)

CAF_TEST(papers are whole and nobody elses) {
  auto x = load_papers(papers, now);
  CAF_REQUIRE_EQUAL(said(x), "good");
  CAF_CHECK_EQUAL(x->facts.name, "b");
  CAF_CHECK(x->facts.has_role("worker"));
  CAF_CHECK_EQUAL(x->authority, text_of(place + "/ca.pem"));
  CAF_CHECK_EQUAL(mode_of(place + "/ca.key"), 0600u);
  CAF_CHECK_EQUAL(mode_of(papers + "/node.key"), 0600u);
  CAF_CHECK_EQUAL(mode_of(papers), 0700u);
  CAF_CHECK(!holds(text_of(papers + "/node.pem") + text_of(papers + "/ca.pem"), "PRIVATE"));
}

CAF_TEST(papers that are wrong tell what to do) {
  CAF_CHECK(holds(said(load_papers(folder / "nowhere", now)), "not_found: " + (folder / "nowhere/ca.pem")));
  CAF_CHECK(holds(said(load_papers(folder / "nowhere", now)), "troupe cert issue"));
  CAF_CHECK(holds(said(load_papers(papers, now + 91 * day)), "has expired"));
  fs::permissions(papers + "/node.key", fs::perms{0640});
  CAF_CHECK(holds(said(load_papers(papers, now)), "chmod 600 " + papers + "/node.key"));
  fs::permissions(papers + "/node.key", fs::perms{0600});
  auto other = ca->issue({"c", {"worker"}, {}}, now);
  CAF_REQUIRE(other.has_value());
  fs::copy_file(*other + "/node.pem", papers + "/node.pem", fs::copy_options::overwrite_existing);
  CAF_CHECK(holds(said(load_papers(papers, now)), "copy node.pem and node.key together"));
  auto foreign = authority_folder::create(folder / "foreign", "home", now);
  CAF_REQUIRE(foreign.has_value());
  fs::copy_file(folder / "foreign/ca.pem", *other + "/ca.pem", fs::copy_options::overwrite_existing);
  CAF_CHECK(holds(said(load_papers(*other, now)), "not of this cluster's authority"));
  std::ofstream(papers + "/ca.pem") << std::string(1 << 20, 'x');
  CAF_CHECK(holds(said(load_papers(papers, now)), "no certificate"));
}

CAF_TEST(there is one authority and one certificate a node) {
  const auto before = text_of(place + "/ca.key");
  CAF_CHECK(holds(said(authority_folder::create(place, "home", now)), "conflict: " + place));
  CAF_CHECK_EQUAL(text_of(place + "/ca.key"), before);
  const auto was = text_of(papers + "/node.pem");
  CAF_CHECK(holds(said(ca->issue({"b", {"admin"}, {}}, now)), "conflict: 'b' has a certificate already"));
  CAF_CHECK_EQUAL(text_of(papers + "/node.pem"), was);
  CAF_CHECK(holds(said(ca->issue({"../../x", {"worker"}, {}}, now)), "can't be a node's name"));
  CAF_CHECK(holds(said(authority_folder::open(folder / "nowhere")), "troupe cert init"));
  auto again = authority_folder::open(place);
  CAF_REQUIRE_EQUAL(said(again), "good");
  CAF_CHECK_EQUAL(said(again->issue({"c", {"worker"}, {}}, now)), "good");
}

CAF_TEST(renewed papers are new and say the same) {
  auto old = load_papers(papers, now);
  CAF_REQUIRE(old.has_value());
  CAF_REQUIRE_EQUAL(said(ca->renew({"b", {}, {}, 30 * day}, now + 80 * day)), "good");
  auto fresh = load_papers(papers, now + 100 * day);
  CAF_REQUIRE_EQUAL(said(fresh), "good");
  CAF_CHECK(fresh->facts.roles == old->facts.roles && fresh->facts.hosts == old->facts.hosts);
  CAF_CHECK(fresh->facts.serial != old->facts.serial);
  CAF_CHECK(fresh->own.key != old->own.key);
  CAF_CHECK_EQUAL(mode_of(papers + "/node.key"), 0600u);
  CAF_CHECK(
    holds(said(ca->renew({"nobody", {}, {}, 30 * day}, now)), "not_found: there is no certificate of 'nobody'"));
  CAF_CHECK(holds(said(ca->renew({"../b", {}, {}, 30 * day}, now)), "not_found"));
  // Nothing half-made stays.
  size_t entries = 0;
  for ([[maybe_unused]] auto& x : fs::directory_iterator(place + "/nodes"))
    ++entries;
  CAF_CHECK_EQUAL(entries, 1u);
}

CAF_TEST(an issue that was interrupted does not stand in the way) {
  fs::create_directory(place + "/nodes/.c.new");
  std::ofstream(place + "/nodes/.c.new/node.key") << "half";
  CAF_CHECK_EQUAL(said(ca->issue({"c", {"worker"}, {}}, now)), "good");
  CAF_CHECK_EQUAL(said(load_papers(place + "/nodes/c", now)), "good");
  CAF_CHECK_EQUAL(said(ca->issue({"c.new", {"worker"}, {}}, now)), "good");
}

CAF_TEST(the list has the authority first) {
  CAF_REQUIRE_EQUAL(said(ca->issue({"a", {"coordinator"}, {}}, now)), "good");
  fs::create_directory(place + "/nodes/letters");
  auto all = ca->list();
  CAF_REQUIRE_EQUAL(said(all), "good");
  CAF_REQUIRE_EQUAL(all->size(), 3u);
  CAF_CHECK((*all)[0].is_authority);
  CAF_CHECK_EQUAL((*all)[1].name, "a");
  CAF_CHECK_EQUAL((*all)[2].name, "b");
}

CAF_TEST_FIXTURE_SCOPE_END()
