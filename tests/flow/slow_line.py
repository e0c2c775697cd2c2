#!/usr/bin/python3
"""A line that takes time: what goes in at one end comes out at the other DELAY_MS later, in order.

    slow_line.py PORT_FILE SERVER_PORT DELAY_MS GATE

Nothing comes out before the file GATE is there. Listens on a port of its own, which it writes to PORT_FILE.
"""
import asyncio, os, sys

port_file, server_port, delay_ms, gate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]


async def carry(reader, writer):
    """One direction. Each part waits by itself, so that many are under way at once."""
    loop = asyncio.get_running_loop()
    queue = asyncio.Queue()

    async def deliver():
        while (item := await queue.get()) is not None:
            due, part = item
            while not os.path.exists(gate):
                await asyncio.sleep(0.01)
            await asyncio.sleep(max(0, due - loop.time()))
            writer.write(part)
            await writer.drain()
        writer.close()

    task = asyncio.create_task(deliver())
    try:
        while part := await reader.read(65536):
            queue.put_nowait((loop.time() + delay_ms / 1000, part))
    except ConnectionError:
        pass
    queue.put_nowait(None)
    try:
        await task
    except ConnectionError:
        pass


async def connected(reader, writer):
    there_reader, there_writer = await asyncio.open_connection("127.0.0.1", server_port)
    await asyncio.gather(carry(reader, there_writer), carry(there_reader, writer))


async def main():
    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    with open(port_file + ".new", "w") as file:
        file.write(str(server.sockets[0].getsockname()[1]))
    os.rename(port_file + ".new", port_file)
    await server.serve_forever()


asyncio.run(main())
