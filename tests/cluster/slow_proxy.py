"""TCP through a slow, unsteady road: every byte arrives late, and now and then nothing moves at all."""

import asyncio
import collections
import random
import threading
import time

CHUNK_SIZE = 64 * 1024
IN_FLIGHT_MAX = 8 << 20  # each way; then the sender waits


class SlowProxy:
    """Forwards connections to each port of `routes` {port: (host, port)} on `host`. Each direction of each connection is
    `delay_s` late, and stands still for `stall_s` in every `period_s`, each at its own time."""

    def __init__(self, host, routes, delay_s, stall_s, period_s):
        self.delay_s, self.stall_s, self.period_s = delay_s, stall_s, period_s
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.servers = [asyncio.run_coroutine_threadsafe(self._listen(host, port, target), self.loop).result(10)
                        for port, target in routes.items()]

    def close(self):
        async def end():
            for server in self.servers:
                server.close()
            for task in asyncio.all_tasks():
                if task is not asyncio.current_task():
                    task.cancel()

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    async def _listen(self, host, port, target):
        async def serve(reader, writer):
            writers = [writer]
            try:
                other_reader, other_writer = await asyncio.open_connection(*target)
                writers.append(other_writer)
                await asyncio.gather(self._carry(reader, other_writer), self._carry(other_reader, writer))
            except (OSError, asyncio.CancelledError):
                pass
            finally:
                for end in writers:
                    end.close()

        return await asyncio.start_server(serve, host, port)

    async def _carry(self, reader, writer):
        waiting, size, phase = collections.deque(), 0, random.random() * self.period_s
        changed = asyncio.Event()

        async def take():
            nonlocal size
            data = b"-"
            while data:
                while size > IN_FLIGHT_MAX:
                    changed.clear()
                    await changed.wait()
                data = await reader.read(CHUNK_SIZE)
                waiting.append((time.monotonic() + self.delay_s, data))
                size += len(data)
                changed.set()

        async def give():
            nonlocal size
            while True:
                while not waiting:
                    changed.clear()
                    await changed.wait()
                due, data = waiting.popleft()
                await asyncio.sleep(max(0, due - time.monotonic()))
                still = (time.monotonic() + phase) % self.period_s
                if still < self.stall_s:
                    await asyncio.sleep(self.stall_s - still)
                size -= len(data)
                changed.set()
                if not data:
                    raise ConnectionResetError
                writer.write(data)
                await writer.drain()

        await asyncio.gather(take(), give())
