#define CAF_SUITE cluster.mount_table

#include "actors/cluster/mount_table.hpp"
#include "tests/support/seeds.hpp"

#include <algorithm>

using namespace troupe;
using namespace troupe::cluster;

namespace {

using texts = std::vector<std::string>;

mount_table parsed(const texts& from) {
  auto x = mount_table::parse(from);
  CAF_REQUIRE(x.has_value());
  return *x;
}

std::string message(const texts& from, std::string_view data = {}) {
  auto x = mount_table::parse(from, data);
  if (x)
    return "no error";
  CAF_CHECK_EQUAL(x.error().code, errc::validation);
  return x.error().message;
}

const std::string like_here = "write the path under which this machine has it, like /mnt/films";
const std::string like_there = "write the path under which the coordinator has it, like /srv/films";

} // namespace

CAF_TEST(paths are mapped at whole components) {
  auto t = parsed({"/srv/films=/mnt/films", "/a b=/x=y"});
  CAF_CHECK_EQUAL(t.here("/srv/films"), "/mnt/films");
  CAF_CHECK_EQUAL(t.here("/srv/films/a/b.mkv"), "/mnt/films/a/b.mkv");
  CAF_CHECK_EQUAL(t.here("/srv/films2/a"), "/srv/films2/a");
  CAF_CHECK_EQUAL(t.here("/srv"), "/srv");
  CAF_CHECK_EQUAL(t.here("/other/srv/films"), "/other/srv/films");
  CAF_CHECK_EQUAL(t.here("/a b/c"), "/x=y/c");
  CAF_CHECK(t.covering("/srv") == nullptr);
  CAF_CHECK_EQUAL(mount_table{}.here("/srv/films"), "/srv/films");
  // A folder may have '=' in its name.
  CAF_CHECK_EQUAL(parsed({"/srv/a=b=/mnt/c"}).here("/srv/a=b/x"), "/mnt/c/x");
}

CAF_TEST(of nested entries the longest one counts) {
  auto t = parsed({"/srv=/mnt/nas", "/srv/films=/media/disk", "/srv/films/old=/media/tape"});
  CAF_CHECK_EQUAL(t.here("/srv/tv/a"), "/mnt/nas/tv/a");
  CAF_CHECK_EQUAL(t.here("/srv/films/a"), "/media/disk/a");
  CAF_CHECK_EQUAL(t.here("/srv/films/old/a"), "/media/tape/a");
  CAF_CHECK_EQUAL(t.here("/srv/films/older/a"), "/media/disk/older/a");
  // Says the same twice, and so nothing that could be wrong.
  CAF_CHECK_EQUAL(parsed({"/srv=/mnt", "/srv/films=/mnt/films"}).here("/srv/films/a"), "/mnt/films/a");
  // What would be in the same place is elsewhere by another entry.
  CAF_CHECK_EQUAL(parsed({"/a=/m", "/b=/m/x", "/a/x=/n"}).here("/a/x/1"), "/n/1");
  // Two folders may change places.
  CAF_CHECK_EQUAL(parsed({"/a=/b", "/b=/a"}).here("/b/1"), "/a/1");
}

CAF_TEST(each mistake in one entry says what to write instead) {
  const std::vector<std::pair<std::string, std::string>> cases{
    {"/srv/films", R"("/srv/films": there is no '=' in it; write COORDINATOR=HERE, like "/srv/films=/mnt/films")"},
    {"", R"("": there is no '=' in it; write COORDINATOR=HERE, like "/srv/films=/mnt/films")"},
    {"/srv/films=", R"("/srv/films=": nothing is written for where this machine has it; )" + like_here},
    {"=/mnt/films", R"("=/mnt/films": nothing is written for where the coordinator has it; )" + like_there},
    {"/srv/films=mnt/films", R"("/srv/films=mnt/films": "mnt/films" is not an absolute path; )" + like_here},
    {"/srv/films=~/films", R"("/srv/films=~/films": "~/films" is not an absolute path; )" + like_here},
    {"films=/mnt/films", R"("films=/mnt/films": "films" is not an absolute path; )" + like_there},
    {R"(/srv/films=C:\films)", R"("/srv/films=C:\films": "C:\films" is a path of Windows; )" + like_here},
    {"/srv/films=D:/films", R"("/srv/films=D:/films": "D:/films" is a path of Windows; )" + like_here},
    {"/srv/films=E:", R"("/srv/films=E:": "E:" is a path of Windows; )" + like_here},
    {R"(/srv/films=/mnt\films)", R"("/srv/films=/mnt\films": "/mnt\films" is a path of Windows; )" + like_here},
    {R"(C:\films=/mnt/films)", R"("C:\films=/mnt/films": "C:\films" is a path of Windows; )" + like_there},
    {R"(/srv/films=\\nas\films)",
     R"("/srv/films=\\nas\films": "\\nas\films" is a network share, which has to be mounted first; )" + like_here},
    {"/srv/films=//nas/films",
     R"("/srv/films=//nas/films": "//nas/films" is a network share, which has to be mounted first; )" + like_here},
    {"/srv/films=smb://nas/films",
     R"("/srv/films=smb://nas/films": "smb://nas/films" is a network share, which has to be mounted first; )"
       + like_here},
    {"/srv/films=nas:/films",
     R"("/srv/films=nas:/films": "nas:/films" is a network share, which has to be mounted first; )" + like_here},
    {"/srv/films=/mnt/films/", R"("/srv/films=/mnt/films/": "/mnt/films/" ends with a slash; write /mnt/films)"},
    {"/srv/films/=/mnt/films", R"("/srv/films/=/mnt/films": "/srv/films/" ends with a slash; write /srv/films)"},
    {"/srv/films=/mnt//films", R"("/srv/films=/mnt//films": "/mnt//films" has two slashes in a row; write /mnt/films)"},
    {"/srv/films=/mnt/./films", R"("/srv/films=/mnt/./films": "/mnt/./films" has '.' or '..' in it; write /mnt/films)"},
    {"/srv/films=/mnt/tv/../films",
     R"("/srv/films=/mnt/tv/../films": "/mnt/tv/../films" has '.' or '..' in it; write /mnt/films)"},
    {"/srv/films=/../films", R"("/srv/films=/../films": "/../films" goes up beyond the root; )" + like_here},
    {"/srv/films = /mnt/films", R"("/srv/films = /mnt/films": "/srv/films " has blanks around it; write /srv/films)"
                                "\n"
                                R"("/srv/films = /mnt/films": " /mnt/films" has blanks around it; write /mnt/films)"},
    {"/srv/films=/", R"("/srv/films=/": "/" is all that there is; write the folder of a library, like /mnt/films)"},
    {"/=/mnt", R"("/=/mnt": "/" is all that there is; write the folder of a library, like /srv/films)"},
    {"/srv/films=/mnt/a\nb", R"("/srv/films=/mnt/a?b": "/mnt/a?b" has control characters in it; )" + like_here},
    {"/a=/b=/c",
     R"("/a=/b=/c": there is more than one "=/" in it, so that the two paths can't be told apart; write one )"
     R"(entry for each folder, and give a folder whose name ends with '=' another one)"},
  };
  for (auto& [entry, wanted] : cases)
    CAF_CHECK_EQUAL(message({entry}), wanted);
}

CAF_TEST(each mistake between entries says what to write instead) {
  CAF_CHECK_EQUAL(
    message({"/srv/films=/mnt/a", "/srv/films=/mnt/b"}),
    R"("/srv/films=/mnt/a" and "/srv/films=/mnt/b" are both about /srv/films; write one of them, with the )"
    "path under which this machine has it");
  CAF_CHECK_EQUAL(message({"/srv/films=/mnt/a", "/srv/tv=/mnt/a"}),
                  R"("/srv/films=/mnt/a" and "/srv/tv=/mnt/a" put two folders of the coordinator into one; write for )"
                  "each the path under which this machine has it");
  CAF_CHECK_EQUAL(
    message({"/srv=/mnt", "/srv/films=/mnt/tv"}),
    R"("/srv/films=/mnt/tv": /mnt/tv lies in /mnt, which is /srv of the coordinator, and so it is /srv/tv )"
    "already; mount it outside of /mnt, and write that path");
  CAF_CHECK_EQUAL(message({"/srv/films=/mnt/a"}, "/mnt"),
                  R"("/srv/films=/mnt/a": /mnt/a overlaps Troupe's own data folder /mnt; mount the library beside it, )"
                  "and write that path");
  CAF_CHECK_EQUAL(
    message({"/srv/films=/mnt"}, "/mnt/data"),
    R"("/srv/films=/mnt": /mnt overlaps Troupe's own data folder /mnt/data; mount the library beside it, )"
    "and write that path");
  CAF_CHECK_EQUAL(message({"/srv/films=/mnt/a"}, "/mnt/ab"), "no error");
}

CAF_TEST(all mistakes are told at once) {
  auto x = mount_table::parse({"/srv/films", "/srv/tv=C:\\tv", "/a=/b", "/a=/c"});
  CAF_REQUIRE(!x);
  CAF_CHECK_EQUAL(x.error().fields.size(), 3u);
  CAF_CHECK_EQUAL(std::ranges::count(x.error().message, '\n'), 2);
}

CAF_TEST(whatever is accepted maps every folder to one place and keeps what lies below it) {
  test::for_seeds(2'000, [](uint64_t seed) {
    std::mt19937_64 random{seed};
    auto path = [&] {
      std::string out;
      for (auto n = 1 + random() % 3; n > 0; --n)
        out += "/" + std::string(1, static_cast<char>('a' + random() % 3));
      return out;
    };
    texts from;
    for (auto n = random() % 4; n > 0; --n)
      from.push_back(path() + "=" + path());
    auto t = mount_table::parse(from);
    if (!t)
      return;
    std::map<std::string, std::string> seen;
    for (auto& x : t->entries()) {
      CAF_REQUIRE_EQUAL(t->here(x.there), x.here);
      // Below an entry nothing else is in its folder.
      for (auto& y : t->entries()) {
        auto [at, fresh] = seen.try_emplace(t->here(y.there), y.there);
        CAF_REQUIRE(fresh || at->second == y.there);
      }
    }
    for (int i = 0; i < 20; ++i) {
      auto p = path();
      auto* entry = t->covering(p);
      auto here = t->here(p);
      CAF_REQUIRE(entry ? is_within(here, entry->here) && is_within(p, entry->there) : here == p);
      // The longest one.
      for (auto& x : t->entries())
        CAF_REQUIRE(!is_within(p, x.there) || (entry && x.there.size() <= entry->there.size()));
      CAF_REQUIRE_EQUAL(t->here(p + "/zzz"), here + "/zzz");
      // Beside entries, no two folders of the coordinator under an entry share a place.
      auto q = path();
      if (p != q && entry && t->covering(q))
        CAF_REQUIRE(t->here(q) != here || t->covering(q) == entry || entry->here == t->covering(q)->here);
    }
  });
}

CAF_TEST(hostile texts never map outside of what they say) {
  test::for_seeds(3'000, [](uint64_t seed) {
    std::mt19937_64 random{seed};
    static constexpr std::string_view pieces[]{"/", "/", "a", "b", "..", ".", "=", "\\", " ", "C:", "//", "\n", "é"};
    std::string text;
    for (auto n = random() % 14; n > 0; --n)
      text += pieces[random() % std::size(pieces)];
    auto t = mount_table::parse({text});
    if (!t) {
      CAF_REQUIRE(!t.error().message.empty());
      return;
    }
    for (auto& x : t->entries())
      for (auto* side : {&x.there, &x.here}) {
        CAF_REQUIRE(side->size() > 1 && side->front() == '/' && side->back() != '/');
        CAF_REQUIRE((*side + "/").find("/../") == std::string::npos && side->find("//") == std::string::npos);
      }
  });
}
