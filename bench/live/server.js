// server.js ws|socket.io: the other sides of bench/live. Takes reports on /reports and gives each to who is in its room,
// as an event with the same fields as Troupe's. Prints its port. SIGUSR2 collects the garbage (needs --expose-gc).
"use strict";
const http = require("http");
const { WebSocketServer, WebSocket } = require("ws");

const epoch = Math.floor(Math.random() * 2 ** 50) + 1;
const sequences = new Map();

function eventOf(report) {
  const seq = (sequences.get(report.topic) || 0) + 1;
  sequences.set(report.topic, seq);
  const id = report.topic.slice(4);
  return {
    type: "job_progress", topic: report.topic, epoch, seq, timestamp: new Date().toISOString(), jobId: id, job_id: id,
    kind: "noop", status: "running", progress: report.progress, stage: "encode", message: report.message, attempts: 1,
  };
}

const server = http.createServer();
const reports = new WebSocketServer({ noServer: true, perMessageDeflate: false });
let deliver;

function serveWs() {
  const rooms = new Map();
  const clients = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  clients.on("connection", (socket) => {
    socket.joined = [];
    socket.on("message", (data) => {
      const message = JSON.parse(data);
      if (message.type !== "subscribe") return;
      for (const topic of message.topics) {
        if (!rooms.has(topic)) rooms.set(topic, new Set());
        rooms.get(topic).add(socket);
        socket.joined.push(topic);
        socket.send(JSON.stringify({ type: "subscribed", topic, epoch, seq: 0 }));
      }
    });
    socket.on("close", () => socket.joined.forEach((topic) => rooms.get(topic).delete(socket)));
  });
  deliver = (report) => {
    const members = rooms.get(report.topic);
    if (!members) return;
    // Made once a report; a Buffer saves ws the encoding for each member.
    const text = Buffer.from(JSON.stringify(eventOf(report)));
    for (const socket of members)
      if (socket.readyState === WebSocket.OPEN) socket.send(text, { binary: false });
  };
  server.on("upgrade", (request, socket, head) => {
    const to = request.url === "/reports" ? reports : clients;
    to.handleUpgrade(request, socket, head, (x) => to.emit("connection", x, request));
  });
}

function serveSocketIo() {
  const { Server } = require("socket.io");
  server.on("upgrade", (request, socket, head) => {
    if (request.url === "/reports")
      reports.handleUpgrade(request, socket, head, (x) => reports.emit("connection", x, request));
  });
  const io = new Server(server, { transports: ["websocket"], perMessageDeflate: false, destroyUpgrade: false });
  io.on("connection", (socket) => {
    // Its documentation's advice for less memory: the first request of each is not needed any more.
    socket.conn.request = null;
    socket.on("subscribe-job", (topic) => {
      socket.join(topic);
      socket.emit("subscribed", topic);
    });
  });
  deliver = (report) => io.to(report.topic).emit("job-progress", eventOf(report));
}

reports.on("connection", (socket) => socket.on("message", (data) => deliver(JSON.parse(data))));
process.argv[2] === "ws" ? serveWs() : serveSocketIo();
process.on("SIGUSR2", () => global.gc && global.gc());
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
