// upload_tool: what bench/http measures uploads with.
//   upload_tool receive FILE      takes one connection at a time: recv, write, and at its end fsync and one byte of
//   answer;
//                                 prints its port. What an upload costs at the very least.
//   upload_tool send PORT FILE [raw|multipart]
//                                 sends FILE and waits for the answer; prints {"seconds":…}. The same sender for both.

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

sockaddr_in loopback(int port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<uint16_t>(port));
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return out;
}

void write_all(int fd, const char* data, size_t size) {
  while (size > 0) {
    auto n = write(fd, data, size);
    if (n <= 0)
      give_up("write");
    data += n;
    size -= static_cast<size_t>(n);
  }
}

void take_one(int peer, const char* path) {
  std::vector<char> room(256 * 1024);
  auto file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0)
    give_up(path);
  ssize_t n;
  while ((n = recv(peer, room.data(), room.size(), 0)) > 0)
    write_all(file, room.data(), static_cast<size_t>(n));
  if (n < 0 || fsync(file) != 0)
    give_up("upload");
  close(file);
  write_all(peer, "1", 1);
  close(peer);
}

int receive(const char* path) {
  auto listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto at = loopback(0);
  socklen_t size = sizeof(at);
  if (bind(listener, reinterpret_cast<sockaddr*>(&at), size) != 0 || listen(listener, 8) != 0
      || getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size) != 0)
    give_up("listen");
  std::printf("%d\n", ntohs(at.sin_port));
  std::fflush(stdout);
  for (;;)
    if (auto peer = accept(listener, nullptr, nullptr); peer >= 0)
      take_one(peer, path);
}

int send_file(int port, const char* path, bool multipart) {
  auto file = open(path, O_RDONLY | O_CLOEXEC);
  struct stat about {};
  if (file < 0 || fstat(file, &about) != 0)
    give_up(path);
  auto begin = std::chrono::steady_clock::now();
  auto to = loopback(port);
  auto fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0)
    give_up("connect");
  std::string tail = "\r\n--troupe-bench--\r\n";
  if (multipart) {
    std::string part = "--troupe-bench\r\nContent-Disposition: form-data; name=\"video\"; filename=\"upload.mp4\"\r\n"
                       "Content-Type: video/mp4\r\n\r\n";
    auto length = part.size() + static_cast<size_t>(about.st_size) + tail.size();
    auto head =
      "POST /api/videos/upload HTTP/1.1\r\nHost: localhost:" + std::to_string(port)
      + "\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=troupe-bench\r\nContent-Length: "
      + std::to_string(length) + "\r\n\r\n" + part;
    write_all(fd, head.data(), head.size());
  }
  for (off_t at = 0; at < about.st_size;)
    if (sendfile(fd, file, &at, static_cast<size_t>(about.st_size - at)) <= 0)
      give_up("sendfile");
  if (multipart)
    write_all(fd, tail.data(), tail.size());
  else
    shutdown(fd, SHUT_WR);
  char answer[4096];
  auto n = recv(fd, answer, sizeof(answer) - 1, 0);
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  if (n <= 0)
    give_up("no answer");
  answer[n] = 0;
  if (multipart && std::strncmp(answer, "HTTP/1.1 20", 11) != 0)
    return std::fprintf(stderr, "refused: %s\n", answer), 1;
  std::printf("{\"seconds\":%.4f}\n", took.count());
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "receive" && argc == 3)
    return receive(argv[2]);
  if (what == "send" && argc == 5)
    return send_file(std::atoi(argv[2]), argv[3], std::string_view{argv[4]} == "multipart");
  std::fprintf(stderr, "usage: upload_tool receive FILE | upload_tool send PORT FILE raw|multipart\n");
  return 2;
}
