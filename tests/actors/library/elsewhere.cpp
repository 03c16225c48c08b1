#define CAF_SUITE library.elsewhere

// Libraries that the coordinator does not see, and workers that have them.

#include "tests/actors/library/librarian_fixture.hpp"

using namespace troupe;
using namespace troupe::test;
using namespace troupe::catalogue;

namespace {

/// What workers say, as the dispatcher tells it.
mesh::node_admin::behavior_type nodes_stub(mesh::node_admin::pointer, std::shared_ptr<mesh::node_list> said) {
  return {
    [said](const mesh::get_nodes&) { return *said; },
    [said](const mesh::change_node&) { return *said; },
  };
}

struct fixture : librarian_fixture {
  std::shared_ptr<mesh::node_list> said = std::make_shared<mesh::node_list>();

  fixture() {
    nodes = keep(sys.spawn(nodes_stub, said));
    end();
    begin();
  }

  node_details& node(const std::string& name) {
    node_details x;
    x.rules.name = name;
    x.workers = {me};
    said->nodes.push_back(std::move(x));
    return said->nodes.back();
  }
  auto add(const std::string& root) {
    library x;
    x.name = "nas";
    x.root = root;
    return ask<library>(librarian, mesh::add_library{x});
  }
  library_id added() {
    for (auto& [id, x] : store.libraries)
      if (x.name == "nas")
        return id;
    return {};
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(elsewhere_tests, fixture)

CAF_TEST(a library that a worker turns out to have) {
  auto& carl = node("carl");
  auto answer = add("/nas/films");
  pass(milliseconds{300});
  // It is there, so that workers look for it, but nobody is told yet, and nobody scans it.
  CAF_CHECK(!answer.done());
  auto id = added();
  CAF_REQUIRE(id);
  CAF_CHECK(ask<scan>(librarian, mesh::scan_library{id, "", ""}).code() == errc::conflict);
  carl.capabilities = {library_capability(id)};
  pass(milliseconds{200});
  CAF_CHECK(answer.value().id == id);
  CAF_CHECK(store.libraries.contains(id));
  // From now on it is one like others: it is scanned by who has it, and may get another name.
  CAF_CHECK(ask<scan>(librarian, mesh::scan_library{id, "", ""}).code() == errc::none);
  CAF_CHECK(elsewhere == std::vector{true});
  library renamed;
  renamed.id = id;
  renamed.name = "films";
  CAF_CHECK_EQUAL(ask<library>(librarian, mesh::edit_library{renamed}).value().name, "films");
  carl.capabilities.clear();
  renamed.name = "nas";
  CAF_CHECK(ask<library>(librarian, mesh::edit_library{renamed}).code() == errc::validation);
}

CAF_TEST(one that nobody has is taken back with what they say) {
  auto& carl = node("carl");
  auto answer = add("/nas/films");
  pass(milliseconds{5'900});
  CAF_CHECK(!answer.done());
  carl.problems = {"library " + added().str() + " \"nas\" (/nas/films): this node has no such folder",
                   "library " + uploads_library.str() + " \"nas\" (/tv): empty"};
  pass(milliseconds{400});
  CAF_CHECK(answer.code() == errc::validation);
  auto text = answer.failure().message;
  CAF_CHECK(text.find("No worker has the folder either; carl: library ") != std::string::npos);
  CAF_CHECK(text.find("(/nas/films): this node has no such folder") != std::string::npos);
  CAF_CHECK(text.find("(/tv)") == std::string::npos);
  CAF_CHECK(!added());
  CAF_CHECK_EQUAL(ask<mesh::library_list>(librarian, mesh::get_libraries{}).value().libraries.size(), 2u);
  // Nothing is left that would stand in the way.
  disk->there.insert("/nas/films");
  CAF_CHECK(add("/nas/films").code() == errc::none);
}

CAF_TEST(one that leads to another library is refused whatever workers have) {
  films();
  node("carl");
  disk->there.insert("/links/films");
  disk->leads_to["/links/films"] = "/films/new";
  auto answer = add("/links/films");
  CAF_CHECK(answer.code() == errc::conflict);
  CAF_CHECK_EQUAL(answer.failure().message,
                  "/links/films (which is /films/new): overlaps library \"films\" at /films; every file must belong to "
                  "one library");
  CAF_CHECK(!added());
  // It keeps the name that it was given.
  disk->leads_to["/links/films"] = "/disks/7";
  CAF_CHECK_EQUAL(add("/links/films").value().root, "/links/films");
  // Whatever its name leads to later: only another name is looked at.
  disk->leads_to["/links/films"] = "/films";
  library renamed;
  renamed.id = added();
  renamed.name = "nas";
  renamed.category = "films";
  CAF_CHECK(ask<library>(librarian, mesh::edit_library{renamed}).code() == errc::none);
  disk->there.insert("/links/series");
  disk->leads_to["/links/series"] = "/films";
  renamed.root = "/links/series";
  CAF_CHECK(ask<library>(librarian, mesh::edit_library{renamed}).code() == errc::conflict);
  CAF_CHECK_EQUAL(store.libraries.at(added()).root, "/links/films");
}

CAF_TEST(without a worker of another node it is refused at once) {
  auto alone = add("/nas/films");
  CAF_CHECK(alone.code() == errc::validation);
  node("anna").embedded = true;
  CAF_CHECK(add("/nas/films").code() == errc::validation);
  CAF_CHECK(!added());
}

CAF_TEST(two are on trial at a time) {
  auto& carl = node("carl");
  auto first = add("/nas/films");
  pass(milliseconds{3'000});
  library tv;
  tv.name = "tv";
  tv.root = "/nas/tv";
  auto second = ask<library>(librarian, mesh::add_library{tv});
  pass(milliseconds{3'300});
  CAF_CHECK(first.code() == errc::validation);
  CAF_CHECK(!second.done());
  for (auto& [id, x] : store.libraries)
    if (x.name == "tv")
      carl.capabilities = {library_capability(id)};
  pass(milliseconds{200});
  CAF_CHECK(second.code() == errc::none);
}

CAF_TEST(what this node sees is scanned here though others have it) {
  auto id = films();
  disk->seen = {"/films"};
  node("carl").capabilities = {library_capability(id)};
  CAF_CHECK(ask<scan>(librarian, mesh::scan_library{id, "", ""}).code() == errc::none);
  CAF_CHECK(elsewhere == std::vector{false});
}

CAF_TEST_FIXTURE_SCOPE_END()
