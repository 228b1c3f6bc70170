/** A proxy that everything a browser sends has to pass, whichever script sends it and in whichever way. */
import { createServer, request as send } from 'node:http';
import { connect } from 'node:net';

/**
 * Lets requests to one site through, refuses all others, and remembers both.
 *
 * @param {string} site the address of its folder
 * @param {{ hosts: RegExp, port: number }} [tunnel] hosts, as `name:port`, that may be asked by encrypted requests, and
 *   where on this machine a server plays them
 * @returns the option that makes a browser use it, and `caught`: `{ method, url, headers, body }`
 */
export async function openTrap(site, tunnel) {
  const caught = [];
  const server = createServer((request, response) => {
    const { method, url, headers } = request;
    const entry = { method, url, headers, body: 0 };
    caught.push(entry);
    request.on('data', (part) => {
      entry.body += part.length;
    });
    if (!url.startsWith(site)) return response.writeHead(403).end();
    const passed = send(url, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    passed.on('error', () => response.destroy());
    request.pipe(passed);
  });
  // What is encrypted, and WebSockets, ask for a tunnel.
  server.on('connect', ({ method, url, headers }, socket) => {
    caught.push({ method, url, headers, body: 0 });
    if (!tunnel?.hosts.test(url)) return socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    const passed = connect(tunnel.port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      passed.pipe(socket).pipe(passed);
    });
    for (const [one, other] of [
      [socket, passed],
      [passed, socket],
    ])
      one.on('error', () => other.destroy());
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    caught,
    proxy: { server: `http://127.0.0.1:${server.address().port}`, bypass: '<-loopback>' },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
