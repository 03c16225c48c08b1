#define CAF_SUITE net.lying_nodes

// What a node may answer that is broken, malicious, or not Troupe at all: nothing of it is confirmed, and nothing
// outside the range is written.

#include "tests/unit/net/peer_fixture.hpp"

#include "net/digest.hpp"
#include "tests/support/raw_server.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

const std::string text = "0123456789";

std::string digest_of(std::string_view x) {
  net::sha256 hash;
  hash.add(x);
  return "Content-Digest: " + hash.field() + "\r\n";
}

std::string head(const std::string& range, const std::string& more = {}) {
  return "HTTP/1.1 206 Partial Content\r\nContent-Range: " + range + "\r\n" + more;
}

std::string chunked(const std::string& range, const std::string& body, const std::string& trailer) {
  char size[32];
  std::snprintf(size, sizeof size, "%zx\r\n", body.size());
  return head(range, "Transfer-Encoding: chunked\r\nTrailer: Content-Digest\r\n\r\n") + size + body + "\r\n0\r\n"
         + trailer + "\r\n";
}

struct fixture {
  file_client client;

  fixture() {
    client.stall_timeout = milliseconds{1500};
    std::string before(100, '.');
    CAF_REQUIRE_EQUAL(::pwrite(client.target.get(), before.data(), before.size(), 0), 100);
  }

  /// Of the bytes 40 to 49.
  ports::peer_files::fetched fetch_from(const std::string& bytes) {
    raw_server server{[&](const raw_peer& peer, const std::string&) { peer.send(bytes); }};
    return client.fetch(server.url("/files/x"), 40, 10);
  }
  errc code_from(const std::string& bytes) {
    auto code = fetch_from(bytes).failure.code;
    // Outside the range nothing has changed.
    CAF_CHECK_EQUAL(client.fetched(0, 40), std::string(40, '.'));
    CAF_CHECK_EQUAL(client.fetched(50, 100), std::string(50, '.'));
    return code;
  }
  errc push_to(const std::function<void(const raw_peer&, const std::string&)>& answer) {
    raw_server server{answer};
    put_file(client.folder / "out", text);
    return code_of(client.push(server.url("/files/x"), client.folder / "out"));
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(lying_node_tests, fixture)

CAF_TEST(an honest answer) {
  CAF_CHECK(code_from(chunked("bytes 40-49/100", text, digest_of(text))) == errc::none);
  CAF_CHECK_EQUAL(client.fetched(40, 10), text);
  CAF_CHECK(code_from(head("bytes 40-49/100", "Content-Length: 10\r\n" + digest_of(text) + "\r\n") + text)
            == errc::none);
}

CAF_TEST(wrong digests and none) {
  CAF_CHECK(code_from(chunked("bytes 40-49/100", text, digest_of("other"))) == errc::io);
  CAF_CHECK(code_from(chunked("bytes 40-49/100", text, "")) == errc::io);
  CAF_CHECK(code_from(chunked("bytes 40-49/100", text, "Content-Digest: sha-256=::\r\n")) == errc::io);
  CAF_CHECK(code_from(chunked("bytes 40-49/100", text, "Content-Digest: md5=:AAAA:\r\n")) == errc::io);
}

CAF_TEST(short and long bodies) {
  CAF_CHECK(code_from(chunked("bytes 40-49/100", text.substr(0, 9), digest_of(text.substr(0, 9)))) == errc::io);
  CAF_CHECK(code_from(chunked("bytes 40-49/100", text + "x", digest_of(text + "x"))) == errc::protocol);
  CAF_CHECK(code_from(chunked("bytes 40-49/100", std::string(1 << 20, 'x'), "")) == errc::protocol);
  CAF_CHECK(code_from(head("bytes 40-49/100", "Content-Length: 10\r\n\r\n") + "0123") == errc::io);
  CAF_CHECK(code_from(head("bytes 40-49/100", "Content-Length: 0\r\n\r\n")) == errc::io);
  auto whole = chunked("bytes 40-49/100", text, digest_of(text));
  for (size_t n = 0; n + 2 < whole.size(); ++n)
    if (code_from(whole.substr(0, n)) == errc::none)
      CAF_FAIL("cut after " << n);
}

CAF_TEST(other ranges than the one asked for) {
  for (auto* range : {"bytes 41-50/100", "bytes 0-9/100", "bytes 40-59/100", "bytes 40-39/100", "bytes */100", "",
                      "40-49", "bytes 40-18446744073709551615/100"})
    CAF_CHECK(code_from(chunked(range, text, digest_of(text))) != errc::none);
  // A file that ends in the range is another one.
  CAF_CHECK(code_from(chunked("bytes 40-45/46", text.substr(0, 6), digest_of(text.substr(0, 6)))) == errc::conflict);
  CAF_CHECK(code_from("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n" + digest_of(text) + "\r\n" + text) == errc::protocol);
}

CAF_TEST(refusals keep their code) {
  auto refused = [&](const std::string& status, const std::string& more, const std::string& body) {
    return fetch_from("HTTP/1.1 " + status + "\r\n" + more + "Content-Length: " + std::to_string(body.size())
                      + "\r\n\r\n" + body)
      .failure;
  };
  auto x = refused("500 x", "", "{\"code\":\"stale_lease\",\"message\":\"the lease is over\"}\n");
  CAF_CHECK(x.code == errc::stale_lease);
  CAF_CHECK(x.message.find("the lease is over") != std::string::npos);
  CAF_CHECK(refused("403 x", "", "").code == errc::forbidden);
  CAF_CHECK(refused("404 x", "", "<html>").code == errc::not_found);
  CAF_CHECK(refused("507 x", "", "{").code == errc::storage_full);
  CAF_CHECK(refused("418 x", "", "[]").code == errc::protocol);
  CAF_CHECK(refused("302 x", "Location: http://127.0.0.1:1/\r\n", "").code == errc::protocol);
  CAF_CHECK(refused("204 x", "", "").code == errc::protocol);
  x = refused("429 x", "Retry-After: 7\r\n", "");
  CAF_CHECK(x.code == errc::rate_limited);
  CAF_CHECK(x.retry_after == milliseconds{7000});
  CAF_CHECK(refused("500 x", "", "{\"code\":\"none\",\"message\":1}").code == errc::protocol);
  CAF_CHECK(refused("500 x", "", std::string(1 << 20, 'x')).message.size() < 2000);
}

CAF_TEST(endless and silent nodes) {
  auto endless = [&](const std::string& begin, const std::string& again) {
    raw_server server{[&](const raw_peer& peer, const std::string&) {
      peer.send(begin);
      while (peer.send(again)) {}
    }};
    return client.fetch_code(server.url("/files/x"), 40, 10);
  };
  CAF_CHECK(endless("HTTP/1.1 206 x\r\n", "A: b\r\n") != errc::none);
  CAF_CHECK(endless("HTTP/1.1 206 x\r\nA: ", std::string(1000, 'x')) != errc::none);
  CAF_CHECK(endless("", "HTTP/1.1 102 Processing\r\n\r\n") != errc::none);
  CAF_CHECK(endless("HTTP/1.1 403 x\r\n\r\n", std::string(1000, 'x')) != errc::none);
  CAF_CHECK(
    endless(head("bytes 40-49/100", "Transfer-Encoding: chunked\r\n\r\n") + "a\r\n0123456789\r\n0\r\n", "A: b\r\n")
    != errc::none);
  raw_server silent{[&](const raw_peer& peer, const std::string&) { peer.hold(10'000); }};
  CAF_CHECK(client.fetch_code(silent.url("/files/x"), 40, 10) == errc::timeout);
  CAF_CHECK(code_from("") != errc::none);
  CAF_CHECK(code_from("SSH-2.0-OpenSSH\r\n") != errc::none);
}

CAF_TEST(pushes to nodes that lie) {
  auto by_method = [](std::string_view to_head, std::string_view to_patch) {
    return [to_head, to_patch](const raw_peer& peer, const std::string& h) {
      auto asks = h.starts_with("HEAD");
      peer.send(asks ? to_head : to_patch);
      if (!asks)
        peer.hold(200);
    };
  };
  constexpr std::string_view begin = "HTTP/1.1 204 x\r\nUpload-Offset: 0\r\nConnection: close\r\n\r\n";
  CAF_CHECK(push_to(by_method("HTTP/1.1 204 x\r\nConnection: close\r\n\r\n", "")) == errc::protocol);
  CAF_CHECK(push_to(by_method("HTTP/1.1 204 x\r\nUpload-Offset: 11\r\nConnection: close\r\n\r\n", ""))
            == errc::conflict);
  CAF_CHECK(push_to(by_method("HTTP/1.1 204 x\r\nUpload-Offset: -1\r\nConnection: close\r\n\r\n", ""))
            == errc::protocol);
  // It never takes anything: no endless try.
  CAF_CHECK(push_to(by_method(begin, begin)) == errc::protocol);
  CAF_CHECK(push_to(by_method(begin, "HTTP/1.1 204 x\r\nUpload-Offset: 5\r\nConnection: close\r\n\r\n"))
            == errc::protocol);
  CAF_CHECK(
    push_to(by_method(begin, "HTTP/1.1 409 x\r\nUpload-Offset: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
    == errc::io);
  CAF_CHECK(
    push_to(by_method("HTTP/1.1 423 x\r\nError-Code: unavailable\r\nRetry-After: 2\r\nConnection: close\r\n\r\n", ""))
    == errc::unavailable);
  CAF_CHECK(push_to(by_method("", "")) != errc::none);
}

CAF_TEST(a file that shrinks while it is pushed) {
  // The other side waits for what does not come.
  raw_server server{[](const raw_peer& peer, const std::string& h) {
    if (h.starts_with("HEAD"))
      peer.send("HTTP/1.1 204 x\r\nUpload-Offset: 0\r\nConnection: close\r\n\r\n");
    else
      peer.hold(5000);
  }};
  put_file(client.folder / "out", text);
  unique_fd fd{::open((client.folder / "out").c_str(), O_RDONLY | O_CLOEXEC)};
  std::promise<result<void>> promise;
  ports::file_push what{server.url("/files/x"), fd.get(), 1000};
  client.peer->push(what, {}, [&](result<void> x) { promise.set_value(std::move(x)); });
  auto outcome = promise.get_future().get();
  CAF_REQUIRE(!outcome);
  CAF_CHECK(outcome.error().code == errc::io);
  CAF_CHECK(outcome.error().message.find("shorter than it was") != std::string::npos);
}

CAF_TEST_FIXTURE_SCOPE_END()
