#include "net/live_test_page.hpp"

#include <openssl/evp.h>

#include <array>

namespace troupe::net {

namespace {

constexpr const char* script = R"(
const log = document.getElementById("log");
const show = text => { log.textContent = text + "\n" + log.textContent.slice(0, 50000); };
const scheme = location.protocol === "https:" ? "wss://" : "ws://";
const socket = new WebSocket(scheme + location.host + "/ws/jobs");
socket.onopen = () => show("open");
socket.onmessage = message => show(message.data);
socket.onclose = event => show("closed " + event.code + " " + event.reason);
document.getElementById("form").onsubmit = event => {
  event.preventDefault();
  socket.send(JSON.stringify({type: "subscribe", topics: [document.getElementById("topic").value]}));
};
)";

constexpr const char* before = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Live events</title>
<style>body{font:16px sans-serif;margin:2em}pre{white-space:pre-wrap}</style></head>
<body><h1>Live events</h1>
<form id="form"><label>Topic <input id="topic" value="jobs" size="40"></label> <button>Subscribe</button></form>
<pre id="log" aria-live="polite"></pre>
<script>)";

} // namespace

const std::string& live_test_page() {
  static const std::string page = std::string{before} + script + "</script></body></html>\n";
  return page;
}

const std::string& live_test_script_hash() {
  static const std::string hash = [] {
    std::string text = script;
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr);
    std::array<unsigned char, 64> encoded{};
    auto n = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(length));
    return std::string(reinterpret_cast<char*>(encoded.data()), static_cast<size_t>(n));
  }();
  return hash;
}

} // namespace troupe::net
