// The port and the test page of cts_nodejs.
const http = require("http");

const port = Number(process.env.NODEJS_PORT || 4000);

http
  .createServer((request, response) => {
    const known = request.url === "/test";
    response.writeHead(known ? 200 : 404, { "Content-Type": "text/plain" });
    response.end(known ? "cts_nodejs answers\n" : "not here\n");
  })
  .listen(port, () => console.log(`cts_nodejs on ${port}, Redis at ${process.env.REDIS_HOSTNAME}`));
