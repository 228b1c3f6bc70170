/**
 * Gives the memory of what has been read back at once, by sending it to nobody. Browsers count buffers of
 * their own making as next to nothing: their collectors let a hundred megabytes of them lie, and
 * `ArrayBuffer.prototype.transfer` frees only those that JavaScript has made.
 *
 * No view of the buffer is of use after that.
 */
export function release({ buffer }: Uint8Array<ArrayBuffer>): void {
  // A new channel each time, since a port stops taking anything once it hears that the other is closed.
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.postMessage(undefined, [buffer]);
  port1.close();
}

/**
 * A body that hands on the bytes themselves, which must stay as they are until it is read. Of bytes that a
 * response is made of, browsers make a copy, which lies about until they collect it.
 */
export function bodyOf(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
}
