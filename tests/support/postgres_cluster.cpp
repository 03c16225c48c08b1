#include "tests/support/postgres_cluster.hpp"

#include <libpq-fe.h>

#include <fcntl.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <thread>
#include <vector>

namespace troupe::test {

namespace fs = std::filesystem;

namespace {

std::string find_program(const std::string& name) {
  std::string best;
  std::error_code none;
  for (auto& version : fs::directory_iterator{"/usr/lib/postgresql", none})
    if (auto path = version.path() / "bin" / name; fs::exists(path) && path.string() > best)
      best = path.string();
  if (best.empty())
    throw std::runtime_error{"no " + name + " below /usr/lib/postgresql: install the package postgresql"};
  return best;
}

/// In the child, between fork and exec: only system calls.
void become_server_user(uid_t uid, gid_t gid) {
  if (::geteuid() == 0 && (::setgid(gid) != 0 || ::setuid(uid) != 0))
    ::_exit(126);
  // After the change of user, which clears it: the server goes when the test does.
  ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
}

pid_t spawn(std::vector<std::string> words, const std::string& folder) {
  uid_t uid = ::geteuid();
  gid_t gid = ::getegid();
  if (uid == 0) {
    auto* user = ::getpwnam("postgres");
    if (!user)
      throw std::runtime_error{"there is no user postgres: install the package postgresql"};
    uid = user->pw_uid;
    gid = user->pw_gid;
  }
  std::vector<char*> argv;
  for (auto& w : words)
    argv.push_back(w.data());
  argv.push_back(nullptr);
  auto log = folder + "/log";
  pid_t pid = ::fork();
  if (pid == 0) {
    become_server_user(uid, gid);
    int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    ::dup2(fd, 1);
    ::dup2(fd, 2);
    if (::chdir(folder.c_str()) != 0)
      ::_exit(126);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  return pid;
}

bool answers(const std::string& dsn) {
  auto* conn = PQconnectdb(dsn.c_str());
  bool ok = PQstatus(conn) == CONNECTION_OK;
  PQfinish(conn);
  return ok;
}

} // namespace

postgres_cluster::postgres_cluster() {
  char name[] = "/tmp/troupe-pg-XXXXXX";
  if (!::mkdtemp(name))
    throw std::runtime_error{"no temporary folder for PostgreSQL"};
  folder_ = name;
  if (::geteuid() == 0)
    if (auto* user = ::getpwnam("postgres"))
      if (::chown(name, user->pw_uid, user->pw_gid) != 0)
        throw std::runtime_error{"can't give " + folder_ + " to the user postgres"};
  auto pid = spawn({find_program("initdb"), "-D", folder_ + "/data", "-A", "trust", "-E", "UTF8", "--locale=C", "-U",
                    "troupe", "--no-sync"},
                   folder_);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (status != 0)
    throw std::runtime_error{"initdb failed, see " + folder_ + "/log"};
  start();
}

postgres_cluster::~postgres_cluster() {
  stop();
  std::error_code none;
  fs::remove_all(folder_, none);
}

std::string postgres_cluster::dsn() const {
  return "host=" + folder_ + " user=troupe dbname=postgres";
}

void postgres_cluster::start() {
  server_ = spawn({find_program("postgres"), "-D", folder_ + "/data", "-k", folder_, "-c", "listen_addresses=", "-c",
                   "shared_buffers=16MB", "-c", "fsync=off"},
                  folder_);
  for (int i = 0; i < 300; ++i) {
    if (answers(dsn()))
      return;
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
  throw std::runtime_error{"PostgreSQL does not answer, see " + folder_ + "/log"};
}

void postgres_cluster::stop() {
  if (server_ <= 0)
    return;
  ::kill(server_, SIGQUIT);
  ::waitpid(server_, nullptr, 0);
  server_ = -1;
}

std::string postgres_cluster::shared_dsn() {
  if (auto* given = std::getenv("TROUPE_TEST_POSTGRES"); given && *given)
    return given;
  static postgres_cluster cluster;
  return cluster.dsn();
}

} // namespace troupe::test
