#define CAF_SUITE library.real_roots

#include "actors/library/real_roots.hpp"
#include "host/files.hpp"
#include "tests/support/no_files.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/unit_test.hpp"

#include <filesystem>
#include <future>

using namespace troupe;
using namespace troupe::catalogue;

namespace fs = std::filesystem;

namespace {

/// Some folders, of which some never answer.
class scripted final : public test::no_files {
public:
  std::map<std::string, ports::folder_facts> there;
  std::set<std::string> silent;

  ~scripted() override {
    let_go();
  }
  void let_go() {
    if (!gone_)
      over_.set_value();
    gone_ = true;
  }
  result<ports::folder_facts> look_at_folder(const std::string& path) override {
    if (silent.contains(path))
      until_.wait();
    auto i = there.find(path);
    if (i == there.end())
      return {errc::not_found, path};
    return i->second;
  }
  result<ports::disk_space> space(const std::string&) override {
    return ports::disk_space{};
  }

private:
  std::promise<void> over_;
  std::shared_future<void> until_ = over_.get_future().share();
  bool gone_ = false;
};

struct fixture {
  test::temporary_folder folder;
  std::shared_ptr<ports::files> disk = std::make_shared<host::files>();
  root_question question;

  fixture() {
    for (auto name : {"data/uploads", "disk/films/old", "disk/series", "papers", "links"})
      fs::create_directories(folder / name);
    question.data_folder = folder / "data";
    question.private_places = {folder / "papers", folder / "papers/trouped.toml"};
  }
  void link(const std::string& to, const std::string& name) {
    fs::create_directory_symlink(folder / to, folder / name);
  }
  void add(const std::string& root) {
    library x;
    x.id = library_id{{1, question.others.size() + 1}};
    x.name = "other";
    x.root = root;
    question.others.push_back(x);
  }
  result<void> ask(const std::string& root) {
    question.root = root;
    auto facts = look_at_root(disk, question);
    if (!facts)
      return std::move(facts).error();
    return check_real_root(disk, question, *facts);
  }
  result<void> ask_for(const std::string& name) {
    return ask(folder / name);
  }
  std::string said(const std::string& name) {
    auto x = ask_for(name);
    return x ? "" : x.error().message;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(real_roots_tests, fixture)

CAF_TEST(folders beside each other are good by whatever name) {
  add(folder / "disk/series");
  link("disk/films", "links/films");
  CAF_CHECK(ask_for("disk/films").has_value());
  CAF_CHECK(ask_for("links/films").has_value());
  CAF_CHECK(ask_for("links/films/old").has_value());
}

CAF_TEST(a link into the data folder or around it) {
  link("data", "links/a");
  link("data/uploads", "links/b");
  link("", "links/c");
  for (auto name : {"links/a", "links/b", "links/a/uploads"})
    CAF_CHECK(ask_for(name).error().code == errc::conflict);
  CAF_CHECK_EQUAL(said("links/b"), folder / "links/b" + " (which is " + (folder / "data/uploads")
                                     + "): overlaps Troupe's own data folder; choose a folder beside it");
  CAF_CHECK(ask_for("links/c").error().code == errc::conflict);
  // The other way round: the data folder itself is called by a link.
  question.data_folder = folder / "links/d";
  link("disk/series", "links/d");
  CAF_CHECK(ask_for("disk/series").error().code == errc::conflict);
}

CAF_TEST(two names of one folder are one library) {
  link("disk/films", "links/films");
  add(folder / "disk/films");
  CAF_CHECK_EQUAL(said("links/films"), folder / "links/films" + " (which is " + (folder / "disk/films")
                                         + "): is the same folder as " + (folder / "disk/films")
                                         + ", the root of library \"other\" (" + question.others.front().id.str()
                                         + ")");
  CAF_CHECK(said("links/films/old").find("overlaps library \"other\"") != std::string::npos);
  question.others.clear();
  add(folder / "links/films");
  CAF_CHECK(ask_for("disk/films").error().code == errc::conflict);
  CAF_CHECK(ask_for("disk").error().code == errc::conflict);
  CAF_CHECK(ask_for("disk/series").has_value());
}

CAF_TEST(a link to private files and to the system) {
  link("papers", "links/papers");
  CAF_CHECK(ask_for("links/papers").error().code == errc::forbidden);
  // Of a configuration the folder counts that it is in, by whatever name it was given.
  question.private_places = {folder / "links/papers/trouped.toml"};
  CAF_CHECK(ask_for("papers").error().code == errc::forbidden);
  fs::create_directory_symlink("/etc", folder / "links/system");
  CAF_CHECK(ask_for("links/system").error().code == errc::forbidden);
  CAF_CHECK(said("links/system").starts_with(folder / "links/system" + " leads to /etc"));
}

CAF_TEST(links that lead nowhere or in a circle) {
  fs::create_symlink("loop", folder / "loop");
  fs::create_symlink(folder / "nowhere", folder / "dangling");
  CAF_CHECK(!ask_for("loop"));
  CAF_CHECK(said("loop").find("symbolic links") != std::string::npos);
  CAF_CHECK(!ask_for("dangling"));
  CAF_CHECK(!ask_for("loop/films"));
  // As another library they stand in nobody's way.
  add(folder / "loop");
  add(folder / "dangling");
  CAF_CHECK(ask_for("disk/films").has_value());
}

CAF_TEST(a folder that is mounted a second time) {
  auto scripts = std::make_shared<scripted>();
  disk = scripts;
  question.data_folder = "/data";
  question.private_places.clear();
  scripts->there["/films"] = {{}, false, "/films", 5, 17};
  scripts->there["/again"] = {{}, false, "/again", 5, 17};
  scripts->there["/other"] = {{}, false, "/other", 6, 17};
  add("/films");
  CAF_CHECK(ask("/again").error().code == errc::conflict);
  CAF_CHECK(ask("/other").has_value());
}

CAF_TEST(what does not answer is given up in time) {
  auto scripts = std::make_shared<scripted>();
  disk = scripts;
  question.data_folder = "/data";
  question.private_places.clear();
  question.limit = milliseconds{50};
  scripts->there["/films"] = {{}, false, "/films", 5, 17};
  for (auto name : {"/a", "/b", "/c", "/hangs"}) {
    scripts->there[name] = {{}, false, "/films", 5, 17};
    scripts->silent.insert(name);
  }
  auto late = ask("/hangs");
  CAF_CHECK(late.error().code == errc::unavailable);
  CAF_CHECK_EQUAL(late.error().message,
                  "/hangs has not answered for 50 ms; look at what is mounted there and try again");
  // Others that hang keep nobody, however many they are.
  for (auto name : {"/a", "/b", "/c"})
    add(name);
  const auto before = system_clocks{}.mono();
  CAF_CHECK(ask("/films").has_value());
  CAF_CHECK((system_clocks{}.mono() - before).count() < 5'000);
  scripts->let_go();
  question.limit = milliseconds{5'000};
  CAF_CHECK(ask("/films").error().code == errc::conflict);
}

CAF_TEST_FIXTURE_SCOPE_END()
