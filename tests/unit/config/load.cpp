#define CAF_SUITE config.load

#include "nodes/config/load.hpp"
#include "nodes/config/fields.hpp"
#include "nodes/config/problems.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <fstream>
#include <sstream>
#include <stdlib.h>
#include <unistd.h>

using namespace troupe;
using namespace troupe::config;

namespace {

/// A file that is gone at the end of its scope.
struct temp_file {
  explicit temp_file(const std::string& text) {
    char name[] = "/tmp/troupe-config-XXXXXX";
    auto fd = mkstemp(name);
    path = name;
    std::ofstream{path} << text;
    close(fd);
  }
  ~temp_file() {
    unlink(path.c_str());
  }
  std::string path;
};

result<settings> from_file(const std::string& text) {
  temp_file file{text};
  return load({file.path, {}, {}});
}

bool mentions(const result<settings>& x, std::string_view text) {
  auto found = !x && x.error().message.find(text) != std::string::npos;
  if (!found)
    CAF_MESSAGE("not found: " << text << " in: " << (x ? "success" : x.error().message));
  return found;
}

} // namespace

CAF_TEST(nothing set gives the defaults) {
  auto x = load({});
  CAF_REQUIRE(x.has_value());
  CAF_CHECK(*x == settings{});
  CAF_CHECK_EQUAL(x->gateway.address, "127.0.0.1");
  CAF_CHECK_EQUAL(x->gateway.port, 3001);
  CAF_CHECK_EQUAL(x->mesh.port, 3002);
  CAF_CHECK_EQUAL(x->jobs.lease.count(), 15000);
  CAF_CHECK_EQUAL(x->database_url(), "sqlite:./data/troupe.db");
  CAF_CHECK_EQUAL(x->redis_url(), "");
}

CAF_TEST(the reference file is up to date and holds exactly the defaults) {
  auto path = std::string{TROUPE_SOURCE_DIR} + "/cluster-config/trouped.toml";
  std::ifstream in{path};
  std::ostringstream text;
  text << in.rdbuf();
  // Written anew with: troupe config reference > cluster-config/trouped.toml
  CAF_CHECK_EQUAL(text.str(), reference());
  auto x = load({path, {}, {}});
  CAF_REQUIRE(x.has_value());
  CAF_CHECK(*x == settings{});
  settings bound;
  for (auto& f : fields(bound)) {
    CAF_CHECK(!f.comment.empty());
    CAF_CHECK(!section_comment(f.section()).empty());
  }
}

CAF_TEST(the examples are valid and what they say they are) {
  auto example = [](const std::string& name) {
    auto x = load({std::string{TROUPE_SOURCE_DIR} + "/cluster-config/" + name, {}, {}});
    if (!x)
      CAF_FAIL(name << ": " << x.error().message);
    return *x;
  };
  using roles = std::vector<std::string>;
  CAF_CHECK(example("one-machine.toml").node.roles == (roles{"coordinator", "gateway", "worker"}));
  auto coordinator = example("coordinator.toml");
  CAF_CHECK(coordinator.node.roles == roles{"coordinator"});
  CAF_CHECK_EQUAL(coordinator.mesh.identity, "/etc/troupe/anna");
  for (std::string role : {"gateway", "worker"}) {
    auto x = example(role + ".toml");
    CAF_CHECK(x.node.roles == roles{role});
    // They find each other.
    auto places = parse_host_ports(x.mesh.coordinator);
    CAF_REQUIRE(places.has_value());
    CAF_CHECK_EQUAL(places->at(0).host, coordinator.mesh.address);
    CAF_CHECK_EQUAL(places->at(0).port, coordinator.mesh.port);
    CAF_CHECK(!x.mesh.identity.empty());
    CAF_CHECK(!x.log.file);
  }
}

CAF_TEST(a node that is no coordinator has to know where it is) {
  for (auto role : {"gateway", "worker", "gateway,worker"}) {
    auto x = load({"", {}, {std::string{"node.roles="} + role}});
    CAF_REQUIRE(!x.has_value());
    CAF_CHECK(x.error().message.find("mesh.coordinator: must name the coordinator's HOST:PORT, because this node is "
                                     "none itself (node.roles)")
              != std::string::npos);
    CAF_CHECK(load({"", {}, {std::string{"node.roles="} + role, "mesh.coordinator=10.0.0.1:3002"}}).has_value());
  }
}

CAF_TEST(a later source wins) {
  temp_file file{"[gateway]\nport = 1001\nthreads = 3\n[log]\nlevel = \"warn\"\n[node]\ndata = \"/a\"\n"};
  auto x = load({file.path,
                 {{"PORT", "1002"},
                  {"TROUPE__GATEWAY__PORT", "1003"},
                  {"LOG_LEVEL", "debug"},
                  {"HOME", "/x"},
                  {"SOFATHEK_DATA_PATH", "/b"},
                  {"TEMP_DIR", ""}},
                 {"gateway.port=1004"}});
  CAF_REQUIRE(x.has_value());
  CAF_CHECK_EQUAL(x->gateway.port, 1004);
  CAF_CHECK_EQUAL(x->gateway.threads, 3u);
  CAF_CHECK_EQUAL(x->log.level, "debug");
  CAF_CHECK_EQUAL(x->node.data, "/b");
  auto y = load({"", {{"TROUPE__GATEWAY__PORT", "1003"}, {"PORT", "1002"}}, {}});
  CAF_CHECK_EQUAL(y->gateway.port, 1003);
}

CAF_TEST(values of every type) {
  auto x = load({"",
                 {{"TROUPE__GATEWAY__MAX_UPLOAD", "1.5 GiB"},
                  {"TROUPE__NODE__ROLES", "coordinator, gateway"},
                  {"TROUPE__LOG__FILE", "no"},
                  {"FRONTEND_URL", "http://localhost:5173,https://a.example"},
                  {"REDIS_HOST", "cache"},
                  {"REDIS_PORT", "7000"}},
                 {"jobs.lease=500000ms", "jobs.history=30d", "worker.executor_memory=1073741824"}});
  CAF_REQUIRE(x.has_value());
  CAF_CHECK_EQUAL(x->gateway.max_upload.bytes, 1610612736u);
  CAF_CHECK_EQUAL(x->node.roles.size(), 2u);
  CAF_CHECK(!x->has_role("worker"));
  CAF_CHECK(!x->log.file);
  CAF_CHECK_EQUAL(x->gateway.origins.size(), 2u);
  CAF_CHECK_EQUAL(x->redis_url(), "redis://cache:7000");
  CAF_CHECK_EQUAL(x->jobs.lease.count(), 500000);
  CAF_CHECK_EQUAL(x->worker.executor_memory.bytes, 1073741824u);
}

CAF_TEST(all problems at once with file and line and what is allowed) {
  temp_file file{"[gateway]\nprot = 1\nport = 70000\n\n[gatway]\nport = 1\n[log]\nlevel = \"loud\"\nfile = 1\n"
                 "[jobs]\nlease = 15\n[node]\nroles = [\"king\"]\n"};
  auto x = load({file.path, {{"TROUPE__JOBS__LEESE", "1s"}, {"PORT", "no"}}, {"nonsense", "wurst.x=1"}});
  CAF_REQUIRE(!x);
  CAF_CHECK_EQUAL(x.error().fields.size(), 11u);
  CAF_CHECK(mentions(x, file.path + ":2: unknown key gateway.prot; did you mean gateway.port?"));
  CAF_CHECK(mentions(x, file.path + ":3: gateway.port must be a whole number from 0 to 65535 (is \"70000\")"));
  CAF_CHECK(mentions(x, file.path + ":5: unknown section [gatway]; did you mean [gateway]?"));
  CAF_CHECK(mentions(x, file.path + ":8: log.level must be one of trace, debug, info, warn, error, off (is \"loud\")"));
  CAF_CHECK(mentions(x, ":9: log.file must be true or false"));
  CAF_CHECK(mentions(x, ":11: jobs.lease must be a time with its unit"));
  CAF_CHECK(mentions(x, ":13: node.roles must be one of coordinator, gateway, worker (is \"king\")"));
  CAF_CHECK(mentions(x, "environment TROUPE__JOBS__LEESE: unknown key jobs.leese; did you mean jobs.lease?"));
  CAF_CHECK(mentions(x, "environment PORT: gateway.port must be a whole number"));
  CAF_CHECK(mentions(x, "--set: must be section.key=value"));
  CAF_CHECK(mentions(x, "--set: unknown key wurst.x"));
}

CAF_TEST(problems are told in the order of the lines and all in one go) {
  temp_file file{"[node]\nroles = [\"worker\"]\n[worker]\nvideos = 1\n[mesh]\nport = 3001\nadress = \"x\"\n"
                 "[database]\nurl = \"mysql://x\"\n[[libraries]]\nroot = \"films\"\n"
                 "[gateway]\nport = \"many\"\naddress = \"0.0.0.0\"\norigins = [\"http://a/b\"]\n[cash]\nsize = 1\n"};
  auto x = load({file.path, {{"REDIS_URL", "http://x"}}, {"log.level=loud"}});
  CAF_REQUIRE(!x);
  std::vector<std::string> places;
  for (auto& [where, reason] : x.error().fields)
    places.push_back(where.starts_with(file.path + ":") ? where.substr(file.path.size() + 1) : where);
  std::vector<std::string> expected{
    "4", "7", "9", "10", "13", "14", "15", "16", "--set", "mesh.coordinator", "environment REDIS_URL"};
  CAF_CHECK_EQUAL(places, expected);
  // The same in the text, and with the key that a line is about.
  auto text = x.error().message;
  CAF_CHECK(text.find(":7: unknown key mesh.adress") < text.find(":9: database.url must start with postgresql://"));
  CAF_CHECK(mentions(x, file.path + ":14: gateway.address must be a loopback address"));
}

CAF_TEST(a broken or missing file is an error with its line) {
  CAF_CHECK(mentions(from_file("[gateway]\nport = = 1\n"), ":2: "));
  CAF_CHECK(!from_file("[gateway\n"));
  CAF_CHECK(!from_file("\xFF\xFE"));
  CAF_CHECK(!from_file("port = 1\n"));
  CAF_CHECK(!from_file("gateway = 1\n"));
  CAF_CHECK(!from_file("[gateway]\nport = 1\nport = 2\n"));
  CAF_CHECK(mentions(load({"/nonexistent/x.toml", {}, {}}), "/nonexistent/x.toml: can't be read"));
  CAF_CHECK(mentions(load({"/tmp", {}, {}}), "/tmp: can't be read"));
  // Nothing is said, and nothing is wrong.
  CAF_CHECK(from_file("").has_value());
}

CAF_TEST(numbers and times at their edges) {
  auto ok = [](const std::string& set) { return load({"", {}, {set}}).has_value(); };
  CAF_CHECK(ok("gateway.port=0"));
  CAF_CHECK(ok("gateway.port=65535"));
  for (auto bad : {"gateway.port=65536",
                   "gateway.port=-1",
                   "gateway.port=",
                   "gateway.port=1x",
                   "gateway.port=1.0",
                   "gateway.port=99999999999999999999",
                   "jobs.lease=0s",
                   "jobs.lease=999d",
                   "jobs.lease=1",
                   "jobs.lease=s",
                   "jobs.lease=-1s",
                   "jobs.lease=1.5.2s",
                   "jobs.lease=1e3s",
                   "jobs.lease=18446744073709551615d",
                   "gateway.max_upload=0",
                   "gateway.max_upload=1 XiB",
                   "gateway.max_upload=99999999999 TiB",
                   "node.data=",
                   "node.roles=",
                   "log.file=maybe",
                   "node.data=a\nb"})
    CAF_CHECK(!ok(bad));
  CAF_CHECK(ok("jobs.lease=1.5s"));
}

CAF_TEST(combinations that can not work are refused) {
  auto one = [](std::vector<std::string> set) { return load({"", {}, std::move(set)}); };
  CAF_CHECK(mentions(one({"gateway.address=0.0.0.0"}), "loopback"));
  CAF_CHECK(mentions(one({"mesh.address=192.168.1.1"}), "loopback"));
  CAF_CHECK(mentions(one({"mesh.port=3001"}), "must differ from gateway.port"));
  CAF_CHECK(mentions(one({"mesh.identity=x", "files.port=3002"}), "files.port must differ from mesh.port"));
  CAF_CHECK(mentions(one({"mesh.identity=x", "files.port=3001"}), "files.port must differ from gateway.port"));
  // Nobody listens at the mesh's port of a node that is no coordinator.
  CAF_CHECK(one({"mesh.identity=x", "files.port=3002", "files.serve=true", "node.roles=worker",
                 "mesh.coordinator=10.0.0.1:3002"})
              .has_value());
  CAF_CHECK(mentions(one({"mesh.identity=x", "mesh.address=anna"}), "mesh.address must be an IP address"));
  CAF_CHECK(mentions(one({"mesh.identity=x", "files.address=10.0.0"}), "files.address must be an IP address"));
  // Others are told to go there.
  CAF_CHECK(mentions(one({"mesh.identity=x", "mesh.address=10.0.0.1", "files.address=127.0.0.1"}),
                     "files.address is 127.0.0.1, which other machines can't reach"));
  CAF_CHECK(
    one({"mesh.identity=x", "mesh.address=10.0.0.1", "files.address=127.0.0.1", "files.host=anna.lan"}).has_value());
  CAF_CHECK(one({"mesh.identity=x", "mesh.address=10.0.0.1", "files.address=10.1.0.1"}).has_value());
  CAF_CHECK(one({"mesh.identity=x", "files.address=127.0.0.2"}).has_value());
  for (auto good : {"10.0.0.1", "0.0.0.0", "fd00::1", "localhost"})
    CAF_CHECK(one({"mesh.identity=x", std::string{"mesh.address="} + good}).has_value());
  CAF_CHECK(mentions(one({"gateway.hosts=http://media.example"}), "without http://"));
  CAF_CHECK(mentions(one({"node.roles=worker"}), "mesh.coordinator"));
  // Two coordinators were not meant.
  CAF_CHECK(mentions(one({"mesh.coordinator=127.0.0.1:3002"}), "is for nodes without the role coordinator"));
  CAF_CHECK(one({"node.roles=worker", "mesh.coordinator=127.0.0.1:3002"}).has_value());
  for (auto bad : {"127.0.0.1", ":3002", "host:", "host:0", "host:70000", "host:3002x", "host: 3002", "host:-1"})
    CAF_CHECK(!parse_host_port(bad));
  CAF_CHECK_EQUAL(parse_host_port("[::1]:3002")->host, "::1");
  CAF_CHECK_EQUAL(parse_host_port("host:65535")->port, 65535);
  CAF_CHECK(mentions(one({"mesh.coordinator=nowhere"}), "(is \"nowhere\")"));
  CAF_CHECK(one({"node.roles=worker", "mesh.coordinator=a:1, b:2,[fd00::1]:3"}).has_value());
  CAF_CHECK_EQUAL(config::parse_host_port("[fd00::1]:3")->host, "fd00::1");
  CAF_CHECK((config::parse_host_ports("a:1 , b:2") == std::vector<config::host_port>{{"a", 1}, {"b", 2}}));
  for (auto bad : {"a:1,", "::1:3", ",a:1", "a:1,,b:2", "a:1 b:2", "a:1,b"})
    CAF_CHECK(mentions(one({"node.roles=worker", std::string{"mesh.coordinator="} + bad}), "HOST:PORT"));
  CAF_CHECK(mentions(one({"database.url=mysql://x"}), "postgresql://"));
  CAF_CHECK(mentions(one({"redis.url=http://x"}), "redis://"));
  CAF_CHECK(mentions(one({"gateway.origins=localhost"}), "gateway.origins"));
  CAF_CHECK(mentions(one({"gateway.origins=http://a/b"}), "without a path"));
}

CAF_TEST(secrets are in no message and no listing) {
  auto x = load({"", {{"DATABASE_URL", "postgresql://u:hunter2@h/db"}, {"REDIS_URL", "redis://:hunter2@h"}}, {}});
  CAF_REQUIRE(x.has_value());
  CAF_CHECK_EQUAL(x->database_url(), "postgresql://u:hunter2@h/db");
  CAF_CHECK(show(*x).find("hunter2") == std::string::npos);
  CAF_CHECK(show(*x).find("url = \"********\"") != std::string::npos);
  for (auto bad : {"mysql://u:hunter2@h/db", "hunter2\n"}) {
    auto y = load({"", {{"DATABASE_URL", bad}}, {"redis.url=" + std::string{bad}}});
    CAF_REQUIRE(!y);
    CAF_CHECK(y.error().message.find("hunter2") == std::string::npos);
  }
  // A mistake in the key must not give the value away either.
  auto z = load({"", {{"TROUPE__DATABASE__URI", "hunter2"}}, {"databse.url=hunter2"}});
  CAF_REQUIRE(!z);
  CAF_CHECK(z.error().message.find("hunter2") == std::string::npos);
}

CAF_TEST(secrets from files) {
  temp_file secret{"postgresql://u:p@h/db\n\n"};
  for (auto name : {"TROUPE__DATABASE__URL_FILE", "DATABASE_URL_FILE"}) {
    auto x = load({"", {{name, secret.path}}, {}});
    CAF_REQUIRE(x.has_value());
    CAF_CHECK_EQUAL(x->database.url, "postgresql://u:p@h/db");
  }
  CAF_CHECK(!load({"", {{"TROUPE__DATABASE__URL_FILE", "/nonexistent"}}, {}}));
  // Only secrets have the form: elsewhere it is a misspelt key.
  CAF_CHECK(!load({"", {{"TROUPE__NODE__NAME_FILE", secret.path}}, {}}));
}

CAF_TEST(libraries) {
  auto x = from_file("[[libraries]]\nname = \"Films\"\nroot = \"/srv/films\"\ncategory = \"movies\"\n"
                     "[[libraries]]\nroot = \"/srv/tv\"\n");
  CAF_REQUIRE(x.has_value());
  CAF_REQUIRE_EQUAL(x->libraries.size(), 2u);
  CAF_CHECK_EQUAL(x->libraries[0].name, "Films");
  CAF_CHECK(mentions(from_file("[[libraries]]\nname = \"x\"\n"), "libraries.root is missing"));
  CAF_CHECK(mentions(from_file("[[libraries]]\nrot = \"/x\"\n"), "did you mean libraries.root?"));
  CAF_CHECK(mentions(from_file("[[libraries]]\nroot = \"x\"\n"), "absolute"));
  CAF_CHECK(!from_file("libraries = [1]\n"));
  CAF_CHECK(!from_file("[libraries]\nroot = \"/x\"\n"));
}

CAF_TEST(profiles add to the built in ones and replace them) {
  auto x = from_file("[[profiles]]\nname = \"tv\"\nbase = \"web-1080p\"\ncrf = 20\nmax_channels = 6\n"
                     "[[profiles]]\nname = \"web-720p\"\ncrf = 19\ncopy_fitting = false\n"
                     "[[profiles]]\nname = \"tv-quiet\"\nbase = \"tv\"\nloudness = -23\nmax_frame_rate = 29.97\n"
                     "[[profiles]]\nname = \"podcast\"\ncontainer = \"mp3\"\n"
                     "[[profiles]]\nname = \"small-hls\"\nbase = \"hls\"\n"
                     "ladder = [{ max_width = 640, max_height = 360, video_bit_rate = 400000 }]\n");
  if (!x)
    CAF_FAIL(x.error().message);
  CAF_REQUIRE_EQUAL(x->profiles.size(), 5u);
  auto all = x->all_profiles();
  CAF_REQUIRE_EQUAL(all.size(), builtin_profiles().size() + 4);
  auto find = [&](std::string_view name) {
    auto found = std::find_if(all.begin(), all.end(), [&](auto& p) { return p.name == name; });
    CAF_REQUIRE(found != all.end());
    return *found;
  };
  // In its place, and as it was but for what was said.
  auto web = *find_profile("web-720p");
  web.crf = 19;
  CAF_CHECK(std::exchange(web.copy_fitting, false));
  CAF_CHECK(all[1] == web);
  CAF_CHECK_EQUAL(find("tv").max_height, 1080u);
  CAF_CHECK(find("tv").copy_fitting);
  CAF_CHECK_EQUAL(find("tv-quiet").crf, 20u);
  CAF_CHECK_EQUAL(find("tv-quiet").max_channels, 6u);
  CAF_CHECK_EQUAL(find("tv-quiet").loudness, -23);
  CAF_CHECK_EQUAL(find("podcast").extension, "mp3");
  CAF_CHECK_EQUAL(find("podcast").video_codec, "none");
  CAF_CHECK_EQUAL(find("small-hls").ladder.size(), 1u);
  // The built-in ones themselves stay as they are.
  CAF_CHECK_EQUAL(find_profile("web-720p")->crf, 23u);
  auto y = from_file(show(*x));
  CAF_REQUIRE(y.has_value());
  CAF_CHECK(*y == *x);
}

CAF_TEST(problems of profiles are told all at once with their lines) {
  temp_file file{"[[profiles]]\nname = \"tv\"\nbase = \"web-1080q\"\ncrf = 99\nmax_widht = 5\n"
                 "keep_hdr = true\n\n[[profiles]]\nname = \"a b\"\ncontainer = \"avi\"\n\n"
                 "[[profiles]]\nname = \"x\"\ncontainer = \"webm\"\nvideo_codec = \"h264\"\nmax_height = \"high\"\n"
                 "[[profiles]]\ncontainer = \"mp3\"\n[[profiles]]\nname = \"x\"\nbase = \"remux\"\n"
                 "[gateway]\nport = 70000\n"};
  auto x = load({file.path, {}, {}});
  CAF_REQUIRE(!x);
  for (auto text :
       {":3: profiles.base must name a profile that is built in or stands before it: web-1080p, ",
        ":4: profiles.crf must be a whole number from 0 to 63 (is 99)",
        ":5: unknown key profiles.max_widht; did you mean profiles.max_width?",
        ":6: profiles.keep_hdr needs a bit_depth of 10", ":9: profiles.name must be 1 to 64 letters",
        ":10: profiles.container must be one of mp4, mkv, webm, mov, m4a, ogg, mp3, flac, hls",
        ":15: profiles.video_codec must be one of vp9, av1, copy, none in webm",
        ":16: profiles.max_height must be a whole number from 16 to 16384, or 0 (no limit)",
        ":17: profiles.name is missing", ":19: profiles.name \"x\" is there twice", ": gateway.port must be"})
    CAF_CHECK(mentions(x, text));
  CAF_CHECK_EQUAL(x.error().fields.size(), 11u);
  CAF_CHECK(!from_file("profiles = [1]\n"));
  // What is asked for without a name would be taken for it.
  CAF_CHECK(mentions(from_file("[[profiles]]\nname = \"custom\"\nbase = \"hevc\"\n"),
                     ":1: profiles.name must not be \"custom\""));
  CAF_CHECK(mentions(from_file("[[profiles]]\nname = \"x\"\nbase = \"hevc\"\nmaxHeight = 720\n"),
                     ":4: unknown key profiles.maxHeight; did you mean profiles.max_height?"));
  CAF_CHECK(!from_file("[profiles]\nname = \"x\"\n"));
  CAF_CHECK(mentions(from_file("[[profiles]]\nname=\"l\"\nbase=\"hls\"\nladder = [{ wide = 1 }]\n"),
                     "unknown key wide; a variant has max_width, max_height, video_bit_rate"));
}

CAF_TEST(what is shown can be loaded again) {
  auto x = load({"", {}, {"jobs.lease=90s", "gateway.max_upload=1000001", "node.name=a\"b\\c", "gateway.hosts=a,b"}});
  CAF_REQUIRE(x.has_value());
  x->libraries.push_back({"Films", "/srv/films", ""});
  auto y = from_file(show(*x));
  CAF_REQUIRE(y.has_value());
  CAF_CHECK(*y == *x);
}

CAF_TEST(edit distance counts a swap once) {
  CAF_CHECK_EQUAL(edit_distance("prot", "port"), 1u);
  CAF_CHECK_EQUAL(edit_distance("", "abc"), 3u);
  CAF_CHECK_EQUAL(edit_distance("abc", "abc"), 0u);
  CAF_CHECK_EQUAL(edit_distance("kitten", "sitting"), 3u);
}

CAF_TEST(mounts come as a list and every mistake names its entry) {
  temp_file file{"[node]\nroles = [\"worker\"]\ndata = \"/mnt/data/\"\n[mesh]\ncoordinator = \"a:1\"\n[worker]\n"
                 "mounts = [\"/srv/films=/mnt/films\"]\nlibrary_check = \"5s\"\n"};
  auto x = load({file.path, {}, {}});
  CAF_REQUIRE(x.has_value());
  CAF_CHECK(x->worker.mounts == std::vector<std::string>{"/srv/films=/mnt/films"});
  CAF_CHECK_EQUAL(x->worker.library_check.count(), 5000);
  auto y = load({file.path, {{"TROUPE__WORKER__MOUNTS", "/a=/b, /c=/d"}}, {}});
  CAF_REQUIRE(y.has_value());
  CAF_CHECK_EQUAL(y->worker.mounts.size(), 2u);
  CAF_CHECK(mentions(load({file.path, {}, {"worker.mounts=/srv/films=/mnt/films/"}}),
                     "--set: worker.mounts \"/srv/films=/mnt/films/\": \"/mnt/films/\" ends with a slash; write "
                     "/mnt/films"));
  auto z = load({file.path, {{"TROUPE__WORKER__MOUNTS", "/a=C:\\films,/b=/mnt/data/b"}}, {}});
  CAF_CHECK(mentions(z,
                     "environment TROUPE__WORKER__MOUNTS: worker.mounts \"/a=C:\\films\": \"C:\\films\" is a path of "
                     "Windows; write the path under which this machine has it, like /mnt/films"));
  CAF_CHECK(mentions(z, "\"/b=/mnt/data/b\": /mnt/data/b overlaps Troupe's own data folder /mnt/data;"));
  CAF_CHECK(mentions(load({"", {}, {"worker.mounts=/a=/b"}}),
                     "--set: worker.mounts is for nodes that are not the coordinator"));
}
